"""What the environment says, read once for each function. Names and defaults: README.md, the environment table."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

Environment = Mapping[str, str]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _text(variable: str, default: str = "") -> Any:
    return _read(lambda environment: _said(environment, variable) or default)


def _flag(variable: str) -> Any:
    return _read(lambda environment: _said(environment, variable).lower() == "true")


def _decimal(variable: str, default: str) -> Any:
    def read(environment: Environment) -> Decimal:
        try:
            return Decimal(_said(environment, variable) or default)
        except InvalidOperation as error:
            raise ValueError(f"{variable} must be a number, not {environment[variable]!r}") from error

    return _read(read)


def _one_of(variable: str, *known: str) -> Any:
    """The first where nothing is said."""

    def read(environment: Environment) -> str:
        given = _said(environment, variable).lower() or known[0]
        if given not in known:
            raise ValueError(f"{variable} must be one of {', '.join(known)}, not {environment[variable]!r}")
        return given

    return _read(read)


def _whole(variable: str, default: int) -> Any:
    def read(environment: Environment) -> int:
        given = _said(environment, variable) or str(default)
        if not given.isdecimal():
            raise ValueError(f"{variable} must be a whole number from 0 on, not {environment[variable]!r}")
        return int(given)

    return _read(read)


def _address(variable: str, default: str = "") -> Any:
    """Where prompts and keys go: by TLS, or no further than this machine. What stands beside host and path would be a secret, or lost."""

    def read(environment: Environment) -> str:
        given = _said(environment, variable) or default
        if given and not _is_safe(given):
            raise ValueError(
                f"{variable} must be an https address without a user, a query or a fragment (http: this machine alone)"
            )
        return given

    return _read(read)


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_bare = parts.port != 0 and not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:
        return False
    # A parser is lenient where a client is not, or the other way round: nothing that the two could read in different ways.
    is_plain = address.isascii() and address.isprintable() and not set(" \\@?#") & set(address)
    is_far = parts.scheme == "https" and parts.hostname is not None
    is_near = parts.scheme == "http" and parts.hostname in LOOPBACK
    return is_bare and is_plain and (is_far or is_near)


def _read(read: Callable[[Environment], Any]) -> Any:
    return field(metadata={"read": read})


def _said(environment: Environment, variable: str) -> str:
    return environment.get(variable, "").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Addresses, tables and limits: each with its variable, and what holds where that says nothing. Secrets are named by ARN here, and
    read by the adapter that needs them."""

    ledger_table: str = _text("LEDGER_TABLE")
    keys_table: str = _text("KEYS_TABLE")
    database_url: str = _text("DATABASE_URL")
    database_user: str = _text("DATABASE_USER")
    database_iam_auth: bool = _flag("DATABASE_IAM_AUTH")
    openai_base_url: str = _address("OPENAI_BASE_URL", "https://api.openai.com/v1")
    openai_api_key_secret_arn: str = _text("OPENAI_API_KEY_SECRET_ARN")
    helicone_mode: str = _one_of("HELICONE_MODE", "proxy", "log")
    helicone_base_url: str = _address("HELICONE_BASE_URL", "https://oai.helicone.ai/v1")
    helicone_log_url: str = _address("HELICONE_LOG_URL", "https://api.worker.helicone.ai/custom/v1/log")
    helicone_api_key_secret_arn: str = _text("HELICONE_API_KEY_SECRET_ARN")
    otel_exporter_otlp_endpoint: str = _address("OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp_headers_secret_arn: str = _text("OTLP_HEADERS_SECRET_ARN")
    servicetitan_base_url: str = _address("SERVICETITAN_BASE_URL", "https://api.servicetitan.io")
    servicetitan_auth_url: str = _address("SERVICETITAN_AUTH_URL", "https://auth.servicetitan.io")
    servicetitan_environment: str = _text("SERVICETITAN_ENVIRONMENT", "production")
    servicetitan_tenant_id: str = _text("SERVICETITAN_TENANT_ID")
    servicetitan_secret_arn: str = _text("SERVICETITAN_SECRET_ARN")
    servicetitan_tollgate_tenant: str = _text("SERVICETITAN_TOLLGATE_TENANT")
    servicetitan_timezone: str = _text("SERVICETITAN_TIMEZONE", "UTC")
    servicetitan_connection_secret_prefix: str = _text(
        "SERVICETITAN_CONNECTION_SECRET_PREFIX", "tollgate/servicetitan/"
    )
    sync_queue_url: str = _text("SYNC_QUEUE_URL")
    store_jobs_function: str = _text("STORE_JOBS_FUNCTION")
    poison_bucket: str = _text("POISON_BUCKET")
    default_daily_budget: Decimal = _decimal("DEFAULT_DAILY_BUDGET", "100")  # noqa: RUF009
    default_monthly_budget: Decimal = _decimal("DEFAULT_MONTHLY_BUDGET", "2000")  # noqa: RUF009
    budget_soft_cap: Decimal = _decimal("BUDGET_SOFT_CAP", "0.8")  # noqa: RUF009
    cheaper_model: str = _text("CHEAPER_MODEL", "gpt-4o-mini")
    default_model: str = _text("DEFAULT_MODEL", "gpt-4o")
    price_overrides: str = _text("PRICE_OVERRIDES")
    breaker_failures: int = _whole("BREAKER_FAILURES", 10)
    breaker_rate_limits: int = _whole("BREAKER_RATE_LIMITS", 20)
    breaker_window_seconds: int = _whole("BREAKER_WINDOW_SECONDS", 30)
    breaker_open_seconds: int = _whole("BREAKER_OPEN_SECONDS", 5)
    breaker_longest_open_seconds: int = _whole("BREAKER_LONGEST_OPEN_SECONDS", 60)
    loop_repeats: int = _whole("LOOP_REPEATS", 20)
    loop_failures: int = _whole("LOOP_FAILURES", 20)
    loop_window_seconds: int = _whole("LOOP_WINDOW_SECONDS", 60)
    loop_open_seconds: int = _whole("LOOP_OPEN_SECONDS", 60)
    idempotency_table: str = _text("IDEMPOTENCY_TABLE")
    idempotency_answers: str = _one_of("IDEMPOTENCY_ANSWERS", "encrypted", "off")
    idempotency_hours: int = _whole("IDEMPOTENCY_HOURS", 24)
    alert_bus: str = _text("ALERT_BUS", "default")
    compare_books_function: str = _text("COMPARE_BOOKS_FUNCTION")
    spans_settled_minutes: int = _whole("SPANS_SETTLED_MINUTES", 10)
    spans_lost_minutes: int = _whole("SPANS_LOST_MINUTES", 1800)
    openai_project_secret_prefix: str = _text("OPENAI_PROJECT_SECRET_PREFIX", "tollgate/openai-project/")
    openai_admin_base_url: str = _address("OPENAI_ADMIN_BASE_URL", "https://api.openai.com/v1")
    openai_admin_key_secret_arn: str = _text("OPENAI_ADMIN_KEY_SECRET_ARN")
    openai_shared_project: str = _text("OPENAI_SHARED_PROJECT")
    store_bill_function: str = _text("STORE_BILL_FUNCTION")
    span_retention_months: int = _whole("SPAN_RETENTION_MONTHS", 13)


def read_settings(environment: Environment = os.environ) -> Settings:
    """Raises ValueError that names the variable which does not parse."""
    return Settings(**{each.name: each.metadata["read"](environment) for each in fields(Settings)})
