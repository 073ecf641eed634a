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
from wattkeep.environment import read_choice, read_flag, read_list, read_number, read_text
from wattkeep.places import DATABASE_FILE, data_folder
from wattkeep.settings_fixed import *  # noqa: F403 - Django's settings are names in a module


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
    if value := read_text("WATTKEEP_SECRET_KEY"):
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
SECRET_KEY_IS_GIVEN = bool(read_text("WATTKEEP_SECRET_KEY"))
# What secrets in the database are encrypted with, the newest first; where none is given, a file in
# the data folder holds them (`monitoring/keyring.py`).
ENCRYPTION_KEYS = read_text("WATTKEEP_ENCRYPTION_KEYS").replace(",", " ").split()

_sqlite_options: dict[str, Any] = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    # FULL: a commit is on the disk before it is acknowledged, also through a power cut.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY"
    ),
}

# Requests are answered on a few threads that stay (`pages.py`), each with its own connection.
# `wattkeep db move` leaves the address of the new database beside the old one.
_moved_to = DATA_DIR / "database-url"
DATABASE_URL = read_text("WATTKEEP_DATABASE_URL")
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
    read_number("WATTKEEP_DATABASE_POOL", 0),
    read_flag("WATTKEEP_PGBOUNCER"),
    read_number("WATTKEEP_STATEMENT_TIMEOUT_S", STATEMENT_TIMEOUT_S),
)
IS_BOUNCED = _postgres.is_bounced
if DATABASES["default"]["ENGINE"] == POSTGRES:
    set_up_postgres(DATABASES["default"], _postgres)

# A second server that repeats what the first one writes: answers about the past may come from it.
REPLICA_URL = read_text("WATTKEEP_REPLICA_URL")
REPLICA_MOST_BEHIND_S = read_number("WATTKEEP_REPLICA_MOST_BEHIND_S", 5)
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
REDIS_URL = read_text("WATTKEEP_REDIS_URL").strip()
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

DEBUG = read_flag("WATTKEEP_DEBUG")
CSRF_TRUSTED_ORIGINS = read_list("WATTKEEP_TRUSTED_ORIGINS")
# By which address people reach this installation: what links in messages begin with.
PUBLIC_URL = read_text("WATTKEEP_PUBLIC_URL").strip().rstrip("/")
if PUBLIC_URL and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", PUBLIC_URL):
    raise ImproperlyConfigured(
        f"WATTKEEP_PUBLIC_URL={PUBLIC_URL!r}: write an address such as https://energy.example.org."
    )
# Names beside those that only this network can have (`domain/hosts.py`). A middleware of ours
# looks, because Django's list cannot say "any private address".
ALLOWED_HOSTS = ["*"]
NAMED_HOSTS = read_list("WATTKEEP_ALLOWED_HOSTS") + [
    host.replace("*.", ".", 1) if host.startswith("*.") else host
    for url in (*CSRF_TRUSTED_ORIGINS, PUBLIC_URL)
    if (host := urlsplit(url).hostname)
]
CORS_ALLOWED_ORIGINS = read_list(
    "WATTKEEP_CORS_ORIGINS", "http://localhost:8000,http://127.0.0.1:8000"
)
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = True

_behind_tls = read_flag("WATTKEEP_BEHIND_TLS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _behind_tls
SECURE_HSTS_SECONDS = 31_536_000 if _behind_tls else 0
try:
    # Whose X-Forwarded-* is believed (`arrival.py`). A proxy on this machine needs no naming.
    TRUSTED_PROXIES = parse_networks(
        read_list("WATTKEEP_TRUSTED_PROXIES", "127.0.0.1,::1" if _behind_tls else "")
    )
except ValueError as error:
    raise ImproperlyConfigured(f"WATTKEEP_TRUSTED_PROXIES: {error}") from None
# How many connections an address may hold at a process; None: `crowds.py` says.
_connections = read_number("WATTKEEP_CONNECTIONS_PER_ADDRESS", -1)
CONNECTIONS_PER_ADDRESS = None if _connections < 0 else _connections

# "closed": only the first account is made on the page (with the code printed in the terminal).
REGISTRATION = read_text("WATTKEEP_REGISTRATION", "closed")
if REGISTRATION == "off":
    REGISTRATION = "closed"
if REGISTRATION not in {"open", "invitation", "closed"}:
    raise ImproperlyConfigured(
        f"WATTKEEP_REGISTRATION={REGISTRATION!r}: write open, invitation or closed."
    )

# -- mail to people about their accounts ------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
MAIL_IS_SET_UP = False
if _email_url := read_text("WATTKEEP_EMAIL_URL"):
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

ACCOUNT_EMAIL_NOTIFICATIONS = MAIL_IS_SET_UP
MFA_ALLOW_UNVERIFIED_EMAIL = not MAIL_IS_SET_UP

# -- ingest and alerts ------------------------------------------------------------------------

# Posts a device may make in a second on average, and at once after being quiet. A board makes
# 0.1; the rest is for uploading a backlog. 0 switches the limit off.
DEVICE_RATE_PER_S = read_number("WATTKEEP_DEVICE_RATE_PER_S", 100)
DEVICE_RATE_BURST = read_number("WATTKEEP_DEVICE_RATE_BURST", 1000)
HIGH_POWER_W = read_number("WATTKEEP_HIGH_POWER_W", 5000)
# Readings are refused while less than this is free on SQLite's disk; 0 switches that off.
DISK_RESERVE_MB = read_number("WATTKEEP_DISK_RESERVE_MB", 200)
DISK_RESERVE_IS_CHOSEN = bool(read_text("WATTKEEP_DISK_RESERVE_MB").strip())

# -- backups ----------------------------------------------------------------------------------

_backup_dir = read_text("WATTKEEP_BACKUP_DIR")
BACKUP_DIR = Path(_backup_dir).expanduser() if _backup_dir else None
BACKUP_PASSPHRASE = read_text("WATTKEEP_BACKUP_PASSPHRASE")
try:
    BACKUP_KEEP = Keep.parse(read_text("WATTKEEP_BACKUP_KEEP", "7d 4w 12m"))
except ValueError as error:
    raise ImproperlyConfigured(f"WATTKEEP_BACKUP_KEEP: {error}") from None

# -- files that people order ------------------------------------------------------------------

EXPORT_KEPT_DAYS = read_number("WATTKEEP_EXPORT_KEPT_DAYS", 7)
EXPORT_MOST_MB = read_number("WATTKEEP_EXPORT_MOST_MB", 200)
# All that are kept together, whoever ordered them.
EXPORT_TOTAL_MB = read_number("WATTKEEP_EXPORT_TOTAL_MB", 10 * EXPORT_MOST_MB)

# -- periodic tasks ---------------------------------------------------------------------------

# Whether servers run the periodic tasks (`wattkeep.tasks`) themselves. "auto": they do without
# Redis, beside themselves once there are many devices; with it workers do, and servers only while
# it is away.
TICKER = read_choice("WATTKEEP_TICKER", "auto", ("auto", "on", "beside", "off"))

# -- sites and pages --------------------------------------------------------------------------

# What a new site starts with; each site's owner can change theirs.
DEFAULT_SITE_TIME_ZONE = read_text("WATTKEEP_TIME_ZONE")
if DEFAULT_SITE_TIME_ZONE and not is_time_zone(DEFAULT_SITE_TIME_ZONE):
    raise ImproperlyConfigured(
        f"WATTKEEP_TIME_ZONE={DEFAULT_SITE_TIME_ZONE!r}: write a zone such as Europe/Paris."
    )

SERVESTATIC_AUTOREFRESH = DEBUG

# -- metrics, traces, the log -----------------------------------------------------------------

# Without one, only the machine itself may read /metrics.
METRICS_TOKEN = read_text("WATTKEEP_METRICS_TOKEN")

# Where OpenTelemetry's spans are sent (OTLP over HTTP); empty makes none.
TRACES_URL = read_text("WATTKEEP_TRACES_URL").strip()
if TRACES_URL and not re.match(r"https?://[^\s/]", TRACES_URL):
    raise ImproperlyConfigured(
        f"WATTKEEP_TRACES_URL={_without_password(TRACES_URL)!r}: "
        "write an address such as http://localhost:4318."
    )

LOG_LEVEL = read_text("WATTKEEP_LOG_LEVEL", "WARNING").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise ImproperlyConfigured(
        f"WATTKEEP_LOG_LEVEL={LOG_LEVEL!r}: write DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
LOG_FORMAT = read_text("WATTKEEP_LOG_FORMAT", "text")
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
