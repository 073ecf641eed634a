"""Every setting of Wattkeep: read once from `WATTKEEP_*` variables and the data folder."""

from __future__ import annotations

import os
import re
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured

from wattkeep.backups.rotation import Keep
from wattkeep.databases import (
    STATEMENT_TIMEOUT_S,
    PostgresChoices,
    parse_database,
    set_up_postgres,
)
from wattkeep.domain.calendar import is_time_zone
from wattkeep.domain.mail_url import MailServer
from wattkeep.domain.proxies import parse_networks
from wattkeep.places import DATABASE_FILE, data_folder

PACKAGE_DIR = Path(__file__).resolve().parent


def _text(name: str, default: str = "") -> str:
    """Return a setting: its variable, or what the file holds that `<name>_FILE` names."""
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if not path:
        return value or default
    if value:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: leave one out.")
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error}") from None


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in _text(name, default).split(",") if part.strip()]


def _flag(name: str, *, default: bool = False) -> bool:
    value = _text(name).strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name}={value!r}: write 1 or 0.")


def _number(name: str, default: float) -> float:
    value = _text(name).strip()
    try:
        return float(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r}: this must be a number.") from None


def _choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = _text(name).strip().lower() or default
    value = {"1": "on", "true": "on", "yes": "on", "0": "off", "false": "off", "no": "off"}.get(
        value, value
    )
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: write {', '.join(choices)}.")
    return value


def _without_password(url: str) -> str:
    return re.sub(r"(?<=[/:])[^/:@]*@", "…@", url)


def _redis_database(url: str) -> str:
    parts = urlsplit(url)
    asked = parse_qs(parts.query).get("db", [""])[0]
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    return asked or path or "0"


# -- where things are kept --------------------------------------------------------------------

DATA_DIR = data_folder()


def _secret_key() -> str:
    """Return the installation's secret, made on the first start and readable by its owner only."""
    if value := _text("WATTKEEP_SECRET_KEY"):
        return value
    path = DATA_DIR / "secret-key"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked: two first starts at once end with one key, never a torn one.
        draft = path.with_name(f".secret-key.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()


SECRET_KEY = _secret_key()
SECRET_KEY_IS_GIVEN = bool(_text("WATTKEEP_SECRET_KEY"))
# What secrets in the database are encrypted with, the newest first; where none is given, a file in
# the data folder holds them (`monitoring/keyring.py`).
ENCRYPTION_KEYS = _text("WATTKEEP_ENCRYPTION_KEYS").replace(",", " ").split()

_sqlite_options: dict[str, Any] = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    # FULL: a commit is on the disk before it is acknowledged, also through a power cut.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY"
    ),
}

# Requests are answered on a few threads that stay (`pages.py`), each with its own connection.
# `wattkeep db move` leaves the address of the new database beside the old one.
_moved_to = DATA_DIR / "database-url"
DATABASE_URL = _text("WATTKEEP_DATABASE_URL")
if not DATABASE_URL and _moved_to.is_file():
    DATABASE_URL = _moved_to.read_text(encoding="utf-8").strip()
POSTGRES = "django.db.backends.postgresql"
DATABASES: dict[str, Any]
if DATABASE_URL:
    DATABASES = {"default": parse_database(DATABASE_URL)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / DATABASE_FILE,
            "CONN_MAX_AGE": None,
        }
    }
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(_sqlite_options)
_postgres = PostgresChoices(
    _number("WATTKEEP_DATABASE_POOL", 0),
    _flag("WATTKEEP_PGBOUNCER"),
    _number("WATTKEEP_STATEMENT_TIMEOUT_S", STATEMENT_TIMEOUT_S),
)
IS_BOUNCED = _postgres.is_bounced
if DATABASES["default"]["ENGINE"] == POSTGRES:
    set_up_postgres(DATABASES["default"], _postgres)

# A second server that repeats what the first one writes: answers about the past may come from it.
REPLICA_URL = _text("WATTKEEP_REPLICA_URL")
REPLICA_MOST_BEHIND_S = _number("WATTKEEP_REPLICA_MOST_BEHIND_S", 5)
if REPLICA_URL:
    if DATABASES["default"]["ENGINE"] != POSTGRES:
        raise ImproperlyConfigured("WATTKEEP_REPLICA_URL: only PostgreSQL has replicas.")
    DATABASES["replica"] = parse_database(REPLICA_URL) | {"TEST": {"MIRROR": "default"}}
    set_up_postgres(DATABASES["replica"], _postgres)
    DATABASE_ROUTERS = ["wattkeep.monitoring.replica.ReplicaRouter"]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- what several processes share -------------------------------------------------------------

# Redis or Valkey: cache, live messages, limits and changes of keys across processes, tasks. Whoever
# asks it waits for no more than this; while it is away each process goes on by itself.
REDIS_URL = _text("WATTKEEP_REDIS_URL").strip()
REDIS_TIMEOUT_S = 0.5
if REDIS_URL and not re.match(r"(rediss?|unix)://", REDIS_URL):
    raise ImproperlyConfigured(
        f"WATTKEEP_REDIS_URL={_without_password(REDIS_URL)!r}: "
        "write an address such as redis://localhost:6379/0."
    )
if REDIS_URL and find_spec("channels_redis") is None:
    raise ImproperlyConfigured("WATTKEEP_REDIS_URL needs more: pip install 'wattkeep[scaled]'.")
# Published messages know no numbered databases, so the number is in their names.
REDIS_PREFIX = f"wattkeep-{_redis_database(REDIS_URL)}"

# Guesses at credentials are counted here too; attempts from many addresses must not push each other
# out of it.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}
CHANNEL_LAYERS: dict[str, Any] = {}
# A database in the same process adds up as fast as it could remember.
REMEMBERS_SUMS = bool(REDIS_URL)
if REDIS_URL:
    _timeouts = {
        "socket_timeout": REDIS_TIMEOUT_S,
        "socket_connect_timeout": REDIS_TIMEOUT_S,
    }
    CACHES["default"] = {
        "BACKEND": "wattkeep.shared_cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": REDIS_PREFIX,
        "OPTIONS": _timeouts,
    }
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, **_timeouts}], "prefix": REDIS_PREFIX},
    }

# -- who may talk to us -----------------------------------------------------------------------

DEBUG = _flag("WATTKEEP_DEBUG")
CSRF_TRUSTED_ORIGINS = _list("WATTKEEP_TRUSTED_ORIGINS")
# By which address people reach this installation: what links in messages begin with.
PUBLIC_URL = _text("WATTKEEP_PUBLIC_URL").strip().rstrip("/")
if PUBLIC_URL and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", PUBLIC_URL):
    raise ImproperlyConfigured(
        f"WATTKEEP_PUBLIC_URL={PUBLIC_URL!r}: write an address such as https://energy.example.org."
    )
# Names beside those that only this network can have (`domain/hosts.py`). A middleware of ours
# looks, because Django's list cannot say "any private address".
ALLOWED_HOSTS = ["*"]
NAMED_HOSTS = _list("WATTKEEP_ALLOWED_HOSTS") + [
    host.replace("*.", ".", 1) if host.startswith("*.") else host
    for url in (*CSRF_TRUSTED_ORIGINS, PUBLIC_URL)
    if (host := urlsplit(url).hostname)
]
CORS_ALLOWED_ORIGINS = _list("WATTKEEP_CORS_ORIGINS", "http://localhost:8000,http://127.0.0.1:8000")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = True

_behind_tls = _flag("WATTKEEP_BEHIND_TLS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _behind_tls
SECURE_HSTS_SECONDS = 31_536_000 if _behind_tls else 0
try:
    # Whose X-Forwarded-* is believed (`arrival.py`). A proxy on this machine needs no naming.
    TRUSTED_PROXIES = parse_networks(
        _list("WATTKEEP_TRUSTED_PROXIES", "127.0.0.1,::1" if _behind_tls else "")
    )
except ValueError as error:
    raise ImproperlyConfigured(f"WATTKEEP_TRUSTED_PROXIES: {error}") from None
SESSION_ENGINE = "wattkeep.monitoring.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_COOKIE_SAMESITE = "Lax"

# "closed": only the first account is made on the page (with the code printed in the terminal).
REGISTRATION = _text("WATTKEEP_REGISTRATION", "closed")
if REGISTRATION == "off":
    REGISTRATION = "closed"
if REGISTRATION not in {"open", "invitation", "closed"}:
    raise ImproperlyConfigured(
        f"WATTKEEP_REGISTRATION={REGISTRATION!r}: write open, invitation or closed."
    )

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# A password that the second one hashed is hashed by the first at the next log-in.
PASSWORD_HASHERS = [
    "wattkeep.monitoring.passwords.Argon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "web:login"
LOGIN_REDIRECT_URL = "web:home"
LOGOUT_REDIRECT_URL = "web:login"

# -- mail to people about their accounts ------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
MAIL_IS_SET_UP = False
if _email_url := _text("WATTKEEP_EMAIL_URL"):
    try:
        _mail = MailServer.parse(_email_url)
    except ValueError as error:
        raise ImproperlyConfigured(f"WATTKEEP_EMAIL_URL: {error}.") from None
    MAIL_IS_SET_UP = True
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_SSL = _mail.encryption == "tls"
    EMAIL_USE_TLS = _mail.encryption == "starttls"
    EMAIL_TIMEOUT = 20
    DEFAULT_FROM_EMAIL = SERVER_EMAIL = _mail.sender

# -- accounts (allauth) -----------------------------------------------------------------------

ACCOUNT_ADAPTER = "wattkeep.web.account_adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_FORMS = {"login": "wattkeep.web.account_forms.LoginForm"}
# Who registers confirms before the first log-in (`AccountAdapter.pre_login`); people without an
# address stay able to log in when mail is set up later.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = MAIL_IS_SET_UP
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Wattkeep] "
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_USER_DISPLAY = "wattkeep.web.account_adapters.user_name"
# Log-ins and second factors are counted by `monitoring/throttles.py`.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None, "reauthenticate": None}
MFA_ADAPTER = "wattkeep.web.account_adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# One period to either side: clocks of telephones differ.
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "Wattkeep"
MFA_ALLOW_UNVERIFIED_EMAIL = not MAIL_IS_SET_UP
MFA_FORMS = {
    "authenticate": "wattkeep.web.account_forms.SecondFactorForm",
    "reauthenticate": "wattkeep.web.account_forms.SecondFactorAgainForm",
}

# -- ingest and alerts ------------------------------------------------------------------------

# Posts a device may make in a second on average, and at once after being quiet. A board makes
# 0.1; the rest is for uploading a backlog. 0 switches the limit off.
DEVICE_RATE_PER_S = _number("WATTKEEP_DEVICE_RATE_PER_S", 100)
DEVICE_RATE_BURST = _number("WATTKEEP_DEVICE_RATE_BURST", 1000)
HIGH_POWER_W = _number("WATTKEEP_HIGH_POWER_W", 5000)
# Readings are refused while less than this is free on SQLite's disk; 0 switches that off.
DISK_RESERVE_MB = _number("WATTKEEP_DISK_RESERVE_MB", 200)
DISK_RESERVE_IS_CHOSEN = bool(_text("WATTKEEP_DISK_RESERVE_MB").strip())

# -- backups ----------------------------------------------------------------------------------

_backup_dir = _text("WATTKEEP_BACKUP_DIR")
BACKUP_DIR = Path(_backup_dir).expanduser() if _backup_dir else None
BACKUP_PASSPHRASE = _text("WATTKEEP_BACKUP_PASSPHRASE")
try:
    BACKUP_KEEP = Keep.parse(_text("WATTKEEP_BACKUP_KEEP", "7d 4w 12m"))
except ValueError as error:
    raise ImproperlyConfigured(f"WATTKEEP_BACKUP_KEEP: {error}") from None

# -- files that people order ------------------------------------------------------------------

EXPORT_KEPT_DAYS = _number("WATTKEEP_EXPORT_KEPT_DAYS", 7)
EXPORT_MOST_MB = _number("WATTKEEP_EXPORT_MOST_MB", 200)

# -- periodic tasks ---------------------------------------------------------------------------

# Whether servers run the periodic tasks (`wattkeep.tasks`) themselves. "auto": they do without
# Redis; with it workers do, and servers only while it is away.
TICKER = _choice("WATTKEEP_TICKER", "auto", ("auto", "on", "off"))

# -- Django -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "wattkeep.monitoring",
    "wattkeep.api",
    "wattkeep.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "wattkeep.web.middleware.HeadersMiddleware",
    "wattkeep.web.middleware.HostMiddleware",
    "wattkeep.web.middleware.StaticFilesMiddleware",
    "wattkeep.monitoring.sessions.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "wattkeep.web.middleware.PersonsLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "wattkeep.web.throttling.RetryAfterMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wattkeep.web.middleware.DatabaseAwayMiddleware",
    "wattkeep.web.replica.ReplicaMiddleware",
]

ROOT_URLCONF = "wattkeep.urls"
ASGI_APPLICATION = "wattkeep.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
# Chosen on the settings page, kept with the account and in a cookie; until then the browser's.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [PACKAGE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
# What a new site starts with; each site's owner can change theirs.
DEFAULT_SITE_TIME_ZONE = _text("WATTKEEP_TIME_ZONE")
if DEFAULT_SITE_TIME_ZONE and not is_time_zone(DEFAULT_SITE_TIME_ZONE):
    raise ImproperlyConfigured(
        f"WATTKEEP_TIME_ZONE={DEFAULT_SITE_TIME_ZONE!r}: write a zone such as Europe/Paris."
    )

STATIC_URL = "static/"
# Served from the package itself: nothing to collect, so `pip install` is the whole installation.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG


def _keep_built_files(headers: Any, _path: str, url: str) -> None:
    # A built file has its content's hash in its name: browsers may keep it for good.
    if re.search(r"/dist/[a-z0-9-]+-[0-9A-Z]{8}\.\w+$", url):
        headers["Cache-Control"] = "max-age=31536000, public, immutable"


SERVESTATIC_ADD_HEADERS_FUNCTION = _keep_built_files
STATIC_ROOT = None

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "wattkeep.api.authentication.TokenAuthentication",
        "wattkeep.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "wattkeep.api.authentication.TokenAllows",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["wattkeep.api.parsing.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wattkeep API",
    "DESCRIPTION": "Readings in, figures out. Times are ISO 8601 in UTC, energy is in kWh.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "wattkeep.api.schema.add_ingest",
        "wattkeep.api.board_schema.add_board",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EventKindEnum": "wattkeep.monitoring.models.MeterEvent.Kind",
        "RuleMetricEnum": "wattkeep.monitoring.models.AlertRule.Metric",
        "SiteRoleEnum": "wattkeep.api.sharing_serializers.ROLE_WORDS",
        "MemberRoleEnum": "wattkeep.api.sharing_serializers.GIVEN",
        "SeverityEnum": "wattkeep.monitoring.models.Severity",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Without one, only the machine itself may read /metrics.
METRICS_TOKEN = _text("WATTKEEP_METRICS_TOKEN")

# Where OpenTelemetry's spans are sent (OTLP over HTTP); empty makes none.
TRACES_URL = _text("WATTKEEP_TRACES_URL").strip()
if TRACES_URL and not re.match(r"https?://[^\s/]", TRACES_URL):
    raise ImproperlyConfigured(
        f"WATTKEEP_TRACES_URL={_without_password(TRACES_URL)!r}: "
        "write an address such as http://localhost:4318."
    )

LOG_LEVEL = _text("WATTKEEP_LOG_LEVEL", "WARNING").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise ImproperlyConfigured(
        f"WATTKEEP_LOG_LEVEL={LOG_LEVEL!r}: write DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
LOG_FORMAT = _text("WATTKEEP_LOG_FORMAT", "text")
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured(f"WATTKEEP_LOG_FORMAT={LOG_FORMAT!r}: write text or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "wattkeep.logs.TextFormatter"},
        "json": {"()": "wattkeep.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Every address that is not there would be a line.
        "django.request": {"level": "ERROR"},
        # A traceback a second while Redis is away; `wattkeep.exchange` says it once.
        "channels_redis": {"level": "CRITICAL"},
        # Django's own handlers would write lines past our formatters.
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # Below this level they log what they send and receive, passwords and cookies included.
        **{
            name: {"level": "WARNING"}
            for name in ("apprise", "asyncio", "requests", "urllib3", "uvicorn", "websockets")
        },
    },
}
