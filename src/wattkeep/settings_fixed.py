"""What Django and its applications are told that nobody chooses; `settings.py` has the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PACKAGE_DIR = Path(__file__).resolve().parent

# -- passwords and sessions ------------------------------------------------------------------------

SESSION_ENGINE = "wattkeep.monitoring.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_COOKIE_SAMESITE = "Lax"

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

# -- accounts (allauth) ----------------------------------------------------------------------------

ACCOUNT_ADAPTER = "wattkeep.web.account_adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_FORMS = {"login": "wattkeep.web.account_forms.LoginForm"}
# Who registers confirms before the first log-in (`AccountAdapter.pre_login`); people without an
# address stay able to log in when mail is set up later.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
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
MFA_FORMS = {
    "authenticate": "wattkeep.web.account_forms.SecondFactorForm",
    "reauthenticate": "wattkeep.web.account_forms.SecondFactorAgainForm",
}

# -- Django ----------------------------------------------------------------------------------------

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

# -- files of the pages ----------------------------------------------------------------------------

STATIC_URL = "static/"
# Served from the package itself: nothing to collect, so `pip install` is the whole installation.
SERVESTATIC_USE_FINDERS = True


def _keep_built_files(headers: Any, _path: str, url: str) -> None:
    # A built file has its content's hash in its name: browsers may keep it for good.
    if re.search(r"/dist/[a-z0-9-]+-[0-9A-Z]{8}\.\w+$", url):
        headers["Cache-Control"] = "max-age=31536000, public, immutable"


SERVESTATIC_ADD_HEADERS_FUNCTION = _keep_built_files
STATIC_ROOT = None

# -- the API ---------------------------------------------------------------------------------------

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
