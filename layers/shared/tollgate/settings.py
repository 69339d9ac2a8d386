"""What the environment says, read once for each function. Names and defaults: README.md, the environment table."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Addresses, tables and defaults. Secrets are named by ARN here and read by the adapter that needs them."""

    ledger_table: str
    keys_table: str
    database_url: str
    database_iam_auth: bool
    openai_base_url: str
    openai_api_key_secret_arn: str
    helicone_mode: str
    helicone_base_url: str
    helicone_log_url: str
    helicone_api_key_secret_arn: str
    otel_exporter_otlp_endpoint: str
    otlp_headers_secret_arn: str
    servicetitan_base_url: str
    servicetitan_auth_url: str
    servicetitan_environment: str
    servicetitan_tenant_id: str
    servicetitan_secret_arn: str
    store_jobs_function: str
    poison_bucket: str
    default_daily_budget: Decimal
    default_monthly_budget: Decimal
    budget_soft_cap: Decimal
    cheaper_model: str
    default_model: str
    price_overrides: str
    breaker_failures: int
    breaker_rate_limits: int
    breaker_window_seconds: int
    breaker_open_seconds: int
    breaker_longest_open_seconds: int
    loop_repeats: int
    loop_failures: int
    loop_window_seconds: int
    loop_open_seconds: int
    idempotency_table: str
    idempotency_answers: str
    idempotency_hours: int
    alert_bus: str
    compare_books_function: str
    spans_settled_minutes: int
    spans_lost_minutes: int
    openai_project_secret_prefix: str
    openai_admin_base_url: str
    openai_admin_key_secret_arn: str
    openai_shared_project: str
    store_bill_function: str


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ValueError that names the variable which does not parse."""

    def text(name: str, default: str = "") -> str:
        return environment.get(name, "").strip() or default

    def decimal(name: str, default: str) -> Decimal:
        try:
            return Decimal(text(name, default))
        except InvalidOperation as error:
            raise ValueError(f"{name} must be a number, not {environment[name]!r}") from error

    def one_of(name: str, *known: str) -> str:
        """The first where nothing is said."""
        given = text(name, known[0]).lower()
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {environment[name]!r}")
        return given

    def whole(name: str, default: int) -> int:
        value = text(name, str(default))
        if not value.isdecimal():
            raise ValueError(f"{name} must be a whole number from 0 on, not {environment[name]!r}")
        return int(value)

    return Settings(
        ledger_table=text("LEDGER_TABLE"),
        keys_table=text("KEYS_TABLE"),
        database_url=text("DATABASE_URL"),
        database_iam_auth=text("DATABASE_IAM_AUTH", "false").lower() == "true",
        openai_base_url=text("OPENAI_BASE_URL", "https://api.openai.com/v1"),
        openai_api_key_secret_arn=text("OPENAI_API_KEY_SECRET_ARN"),
        helicone_mode=one_of("HELICONE_MODE", "proxy", "log"),
        helicone_base_url=text("HELICONE_BASE_URL", "https://oai.helicone.ai/v1"),
        helicone_log_url=text("HELICONE_LOG_URL", "https://api.worker.helicone.ai/custom/v1/log"),
        helicone_api_key_secret_arn=text("HELICONE_API_KEY_SECRET_ARN"),
        otel_exporter_otlp_endpoint=text("OTEL_EXPORTER_OTLP_ENDPOINT"),
        otlp_headers_secret_arn=text("OTLP_HEADERS_SECRET_ARN"),
        servicetitan_base_url=text("SERVICETITAN_BASE_URL", "https://api.servicetitan.io"),
        servicetitan_auth_url=text("SERVICETITAN_AUTH_URL", "https://auth.servicetitan.io"),
        servicetitan_environment=text("SERVICETITAN_ENVIRONMENT", "production"),
        servicetitan_tenant_id=text("SERVICETITAN_TENANT_ID"),
        servicetitan_secret_arn=text("SERVICETITAN_SECRET_ARN"),
        store_jobs_function=text("STORE_JOBS_FUNCTION"),
        poison_bucket=text("POISON_BUCKET"),
        default_daily_budget=decimal("DEFAULT_DAILY_BUDGET", "100"),
        default_monthly_budget=decimal("DEFAULT_MONTHLY_BUDGET", "2000"),
        budget_soft_cap=decimal("BUDGET_SOFT_CAP", "0.8"),
        cheaper_model=text("CHEAPER_MODEL", "gpt-4o-mini"),
        default_model=text("DEFAULT_MODEL", "gpt-4o"),
        price_overrides=text("PRICE_OVERRIDES"),
        breaker_failures=whole("BREAKER_FAILURES", 10),
        breaker_rate_limits=whole("BREAKER_RATE_LIMITS", 20),
        breaker_window_seconds=whole("BREAKER_WINDOW_SECONDS", 30),
        breaker_open_seconds=whole("BREAKER_OPEN_SECONDS", 5),
        breaker_longest_open_seconds=whole("BREAKER_LONGEST_OPEN_SECONDS", 60),
        loop_repeats=whole("LOOP_REPEATS", 20),
        loop_failures=whole("LOOP_FAILURES", 20),
        loop_window_seconds=whole("LOOP_WINDOW_SECONDS", 60),
        loop_open_seconds=whole("LOOP_OPEN_SECONDS", 60),
        idempotency_table=text("IDEMPOTENCY_TABLE"),
        idempotency_answers=one_of("IDEMPOTENCY_ANSWERS", "encrypted", "off"),
        idempotency_hours=whole("IDEMPOTENCY_HOURS", 24),
        alert_bus=text("ALERT_BUS", "default"),
        compare_books_function=text("COMPARE_BOOKS_FUNCTION"),
        spans_settled_minutes=whole("SPANS_SETTLED_MINUTES", 10),
        spans_lost_minutes=whole("SPANS_LOST_MINUTES", 1800),
        openai_project_secret_prefix=text("OPENAI_PROJECT_SECRET_PREFIX", "tollgate/openai-project/"),
        openai_admin_base_url=text("OPENAI_ADMIN_BASE_URL", "https://api.openai.com/v1"),
        openai_admin_key_secret_arn=text("OPENAI_ADMIN_KEY_SECRET_ARN"),
        openai_shared_project=text("OPENAI_SHARED_PROJECT"),
        store_bill_function=text("STORE_BILL_FUNCTION"),
    )
