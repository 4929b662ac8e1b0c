"""Settings, from the environment. docs/operations.md lists every variable.

``REGISTRY_ENV=production`` is strict: a missing variable is an error that says what to set.
Otherwise (development, demo, tests) PostgreSQL and Valkey start from their wheels when no
DATABASE_URL or REDIS_URL is given, and keys are made once and kept in DATA_DIR.
"""

import contextlib
import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from registry.embedded import ensure_running

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = os.environ.get("REGISTRY_ENV") == "production"
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / ".data")).resolve()


def required(name: str, what: str) -> str:
    """Return a variable that production must set."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {what}. See docs/operations.md.")
    return value


def secret(name: str, what: str) -> str:
    """Return a 256-bit secret as hexadecimal: from the environment, else kept in DATA_DIR."""
    if PRODUCTION or os.environ.get(name):
        return required(name, what)
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    kept = DATA_DIR / f"{name.lower()}.secret"
    if not kept.exists():
        descriptor = os.open(
            kept.with_suffix(f".{os.getpid()}"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        # Another process may have made it in the same moment; the first one counts.
        with contextlib.suppress(FileExistsError):
            os.link(kept.with_suffix(f".{os.getpid()}"), kept)
        kept.with_suffix(f".{os.getpid()}").unlink()
    return kept.read_text()


def flag(name: str, default: bool) -> bool:
    """Return a variable that is 0 or 1."""
    return os.environ.get(name, "1" if default else "0") == "1"


SECRET_KEY = secret("SECRET_KEY", "a long random text that signs sessions")
IDENTITY_MASTER_KEY = secret("IDENTITY_MASTER_KEY", "64 hexadecimal digits; wraps patients' keys")
# While a master key is being replaced, keys wrapped by the old one can still be opened.
IDENTITY_OLD_MASTER_KEYS = [
    k for k in os.environ.get("IDENTITY_OLD_MASTER_KEYS", "").split(",") if k
]
BLIND_INDEX_KEY = secret("BLIND_INDEX_KEY", "64 hexadecimal digits; finds patients by number")
LINK_KEY = secret("LINK_KEY", "64 hexadecimal digits; derives the links patients get")

DEBUG = flag("DEBUG", False) and not PRODUCTION
ALLOWED_HOSTS = (
    required("ALLOWED_HOSTS", "the host names served, separated by commas").split(",")
    if PRODUCTION
    else ["*"]
)
SITE_URL = (
    required("SITE_URL", "the address in e-mailed links, such as https://registry.example")
    if PRODUCTION
    else os.environ.get("SITE_URL", "http://127.0.0.1:8000")
)
CSRF_TRUSTED_ORIGINS = [SITE_URL]
CLOCK_FILE = "" if PRODUCTION else os.environ.get("CLOCK_FILE", "")
ALLOW_SYNTHETIC_IDENTITY = flag("ALLOW_SYNTHETIC_IDENTITY", not PRODUCTION)
REQUIRE_LICENSED_WORDING = flag("REQUIRE_LICENSED_WORDING", PRODUCTION)
WORDING_PACKS_DIR = os.environ.get("WORDING_PACKS_DIR", "")
DEMO = flag("DEMO", not PRODUCTION) and not PRODUCTION

# --- Servers ---------------------------------------------------------------------------------
if PRODUCTION:
    _application_url = required("DATABASE_URL", "postgresql://… of the application role")
    REDIS_URL = required("REDIS_URL", "redis://… of the broker")
else:
    _application_url = os.environ.get("DATABASE_URL", "")
    REDIS_URL = os.environ.get("REDIS_URL", "")
_owner_url = os.environ.get("DATABASE_OWNER_URL", "")
if not (_application_url and REDIS_URL):
    _services = ensure_running(DATA_DIR)
    REDIS_URL = REDIS_URL or _services.redis_url
    if not _application_url:
        _application_url, _owner_url = _services.database_url, _services.owner_database_url

# manage.py sets this for the commands that change the schema; see design of the two roles.
DATABASE_ROLE = os.environ.get("REGISTRY_DATABASE_ROLE", "application")
if DATABASE_ROLE == "owner" and not _owner_url:
    raise ImproperlyConfigured(
        "Set DATABASE_OWNER_URL: postgresql://… of the role that owns the tables. "
        "See docs/operations.md."
    )


def database(url: str) -> dict[str, object]:
    """Turn postgresql://user:password@host:port/name?options into Django's settings."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://")
    return {
        "ENGINE": "registry.core.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        # Patients' keys live in a schema of their own, so that the ordinary backup leaves them out.
        # History's triggers raise and catch an error in every row where the setting that they look
        # for is missing, which large transactions feel; an empty list ignores no trigger.
        "OPTIONS": {
            "options": "-c search_path=public,identity_keys -c pgtrigger.ignore={}",
            # Statements that ask for it are prepared at once (DatabaseWrapper.planned_once); those
            # of the ORM never are.
            "prepare_threshold": 0,
        },
        "TEST": {"NAME": os.environ.get("TEST_DATABASE_NAME", "test_registry")},
    }


APPLICATION_DATABASE_USER = unquote(urlsplit(_application_url).username or "")
APPLICATION_DATABASE_PASSWORD = unquote(urlsplit(_application_url).password or "")
DATABASES = {"default": database(_owner_url if DATABASE_ROLE == "owner" else _application_url)}
# The owner's connection, for what migrates and for the tests' own set-up.
OWNER_DATABASE = database(_owner_url) if _owner_url else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}
CELERY_BROKER_URL = REDIS_URL

# --- Applications ----------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "csp",
    "django_htmx",
    "registry.core",
    "registry.units",
    "registry.accounts",
    "registry.audit",
    "registry.registers",
    "registry.messaging",
    "registry.jobs",
    "patients",
    "referrals",
    "procedures",
    "proms",
    "reports",
]
if DEMO:
    INSTALLED_APPS.append("demo")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "registry.core.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "registry.audit.middleware.RequestTransactionMiddleware",
    "registry.accounts.middleware.ViewerMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "registry.urls"
WSGI_APPLICATION = "registry.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "registry" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "registry.accounts.context.viewer",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")

# --- People ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "registry.accounts.adapter.StaffAccountAdapter"
MFA_ADAPTER = "registry.accounts.second_factor.SealedSecretsAdapter"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
# An address without an account gets the same page and no mail.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- Language and time -----------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("nb", "Norsk bokmål"), ("da", "Dansk"), ("sv", "Svenska"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "registry" / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "registry.formats"
USE_TZ = True
TIME_ZONE = "Europe/Copenhagen"

# --- Files and pages -------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", BASE_DIR / "static-build" / "collected"))
# Third-party assets are taken from their packages by `manage.py build_assets`, never committed.
ASSETS_DIR = BASE_DIR / "static-build" / "assets"
STATICFILES_DIRS = [BASE_DIR / "registry" / "static"] + (
    [ASSETS_DIR] if ASSETS_DIR.is_dir() else []
)
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": os.environ.get("FILES_DIR", str(DATA_DIR / "files"))},
    },
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
if not PRODUCTION:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise looks there at every start
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Mail ------------------------------------------------------------------------------------
EMAIL_HOST = (
    required("EMAIL_HOST", "the SMTP server")
    if PRODUCTION
    else os.environ.get("EMAIL_HOST", "127.0.0.1")
)
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25" if PRODUCTION else "8025"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", PRODUCTION)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "registry@registry.example")
# Where reports of undelivered mail go, and the mailbox in which they are read; off without it.
BOUNCE_ADDRESS = os.environ.get("BOUNCE_ADDRESS", "")
BOUNCE_IMAP_URL = os.environ.get("BOUNCE_IMAP_URL", "")

# --- Text messages: off without a gateway -----------------------------------------------------
SMS_GATEWAY_URL = os.environ.get("SMS_GATEWAY_URL", "")
SMS_GATEWAY_TOKEN = os.environ.get("SMS_GATEWAY_TOKEN", "")
if PRODUCTION and SMS_GATEWAY_URL and not SMS_GATEWAY_URL.startswith("https://"):
    raise ImproperlyConfigured("SMS_GATEWAY_URL must begin with https://.")

# --- API -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "registry.accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "registry.api.explain_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Surgical registry API",
    "DESCRIPTION": "Benchmarks, completeness and reference data of the registers.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- History and log -------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub_links": {"()": "registry.audit.logs.ScrubLinks"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["scrub_links"],
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
