"""Builds each client once for each function, when it is first needed, so that a cold start pays only for what it uses."""

import base64
import os
import random
import time
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tollgate.domain.hold_id import draw_key
from tollgate.domain.money import from_usd
from tollgate.domain.page import HoldKind
from tollgate.domain.region import region_factor
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom
from tollgate.settings import Settings, read_settings
from tollgate.usecases.know_settings import KnownSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
    from tollgate.adapters.dynamodb_breakers import DynamoDbBreakers
    from tollgate.adapters.dynamodb_keys import DynamoDbKeys
    from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
    from tollgate.adapters.dynamodb_models import DynamoDbModelEnds
    from tollgate.adapters.dynamodb_refusals import DynamoDbRefusals
    from tollgate.adapters.dynamodb_shelf import DynamoDbShelf
    from tollgate.adapters.invoked_comparison import Comparing
    from tollgate.adapters.postgres import Postgres
    from tollgate.adapters.postgres_books import PostgresBooks
    from tollgate.adapters.postgres_months import PostgresMonths
    from tollgate.adapters.price_book import FilePriceBook
    from tollgate.adapters.project_keys import ProjectKey
    from tollgate.adapters.servicetitan_client import ServiceTitanClient
    from tollgate.adapters.tiktoken_counter import TiktokenCounter
    from tollgate.domain.breaker import BreakerRules
    from tollgate.domain.connection import Connection
    from tollgate.ports import (
        Alerts,
        Bill,
        BillBooks,
        ConnectionProbe,
        Connections,
        ConnectionSecrets,
        DriftBook,
        JobSource,
        JobStore,
        Leases,
        ModelSource,
        PageComparison,
        Poison,
        Rollups,
        Schema,
        SpanSink,
        SpanStore,
        SyncQueue,
        SyncStatuses,
        Upstream,
    )
    from tollgate.usecases.answer_once import OncePorts
    from tollgate.usecases.check_cost import CheckPorts
    from tollgate.usecases.check_health import Ask
    from tollgate.usecases.complete_chat import ChatPorts
    from tollgate.usecases.count_refusals import RefusalTally
    from tollgate.usecases.guard_call import Guard
    from tollgate.usecases.manage_connections import ConnectionPorts
    from tollgate.usecases.sync_connection import SyncPorts

_RANDOM = random.SystemRandom()


@cache
def settings() -> Settings:
    return read_settings()


def clock() -> datetime:
    return datetime.now(UTC)


@cache
def dynamodb() -> Any:
    from tollgate.adapters.dynamodb_wire import new_dynamodb

    return new_dynamodb()


@cache
def ledger() -> "DynamoDbLedger":
    from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
    from tollgate.observability import watch_page

    return DynamoDbLedger(dynamodb(), settings().ledger_table, watch=watch_page)


@cache
def accounts() -> "DynamoDbAccounts":
    from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts

    return DynamoDbAccounts(dynamodb(), settings().ledger_table)


@cache
def known_settings() -> KnownSettings:
    return KnownSettings(accounts())


@cache
def keys() -> "DynamoDbKeys":
    from tollgate.adapters.dynamodb_keys import DynamoDbKeys

    return DynamoDbKeys(dynamodb(), settings().keys_table)


@cache
def prices() -> "FilePriceBook":
    from tollgate.adapters.dynamodb_models import KeptEnds
    from tollgate.adapters.price_book import FilePriceBook
    from tollgate.observability import logger

    return FilePriceBook(
        overrides=settings().price_overrides,
        region=region_factor(settings().openai_base_url),
        ends=KeptEnds(stored_ends().read),
        warn=logger.warning,
    )


@cache
def stored_ends() -> "DynamoDbModelEnds":
    from tollgate.adapters.dynamodb_models import DynamoDbModelEnds

    return DynamoDbModelEnds(dynamodb(), settings().ledger_table)


@cache
def model_source() -> "ModelSource":
    from tollgate.adapters.openai_models import OpenAiModels
    from tollgate.adapters.secrets import read_secret

    arn = settings().openai_api_key_secret_arn
    return OpenAiModels(settings().openai_base_url, lambda: read_secret(arn))


def model_warnings() -> list[str]:
    """Of the models that calls go to without naming them: those whose end is near. Or what is wrong with the price list."""
    named = dict.fromkeys((settings().default_model, settings().cheaper_model))
    try:
        endings = [prices().ending_of(model, clock()) for model in named]
    except ValueError as error:
        return [str(error)]
    return [ending for ending in endings if ending is not None]


@cache
def counter() -> "TiktokenCounter":
    from tollgate.adapters.tiktoken_counter import TiktokenCounter

    return TiktokenCounter()


def new_call_key() -> str:
    return draw_key(HoldKind.CALL, _twelve_random_characters)


def new_check_key() -> str:
    return draw_key(HoldKind.CHECK, _twelve_random_characters)


def _twelve_random_characters() -> str:
    """Straight from the operating system: no generator's state that a restored snapshot could repeat."""
    return base64.urlsafe_b64encode(os.urandom(9)).decode()


def new_key_id() -> str:
    return base64.b32encode(os.urandom(8)).decode().rstrip("=").lower()[:12]


def new_secret() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def default_settings(tenant_id: str) -> TenantSettings:
    """What a new tenant starts with: the environment's budgets, in UTC until it says otherwise."""
    return TenantSettings(
        tenant_id=tenant_id,
        version=1,
        zones=(ZoneFrom(month="1970-01", zone="UTC"),),
        daily_limit=from_usd(settings().default_daily_budget),
        monthly_limit=from_usd(settings().default_monthly_budget),
        soft_cap=settings().budget_soft_cap,
        cheaper_model=settings().cheaper_model,
    )


@cache
def upstream() -> "Upstream":
    """Helicone's proxy before it where there is a key for it."""
    from tollgate.adapters.openai_upstream import OpenAiUpstream
    from tollgate.adapters.secrets import read_secret

    openai_arn, helicone_arn = settings().openai_api_key_secret_arn, settings().helicone_api_key_secret_arn
    direct = OpenAiUpstream(settings().openai_base_url, lambda: read_secret(openai_arn), project_key=project_key())
    if not helicone_arn or settings().helicone_mode != "proxy":
        return direct
    from tollgate.adapters.helicone_proxy import CONNECT_TIMEOUT_S, HeliconeProxy, proxy_headers

    proxied = OpenAiUpstream(
        settings().helicone_base_url,
        lambda: read_secret(openai_arn),
        headers=proxy_headers(lambda: read_secret(helicone_arn)),
        connect_timeout_s=CONNECT_TIMEOUT_S,
        project_key=project_key(),
    )
    return HeliconeProxy(proxied=proxied, direct=direct, count=_count)


@cache
def project_key() -> "ProjectKey":
    from tollgate.adapters.project_keys import ProjectKeys
    from tollgate.adapters.secrets import read_secret, read_secret_anew

    return ProjectKeys(settings().openai_project_secret_prefix, read_secret, read_secret_anew).key_of


def _count(name: str) -> None:
    from aws_lambda_powertools.metrics import MetricUnit

    from tollgate.observability import metrics

    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


@cache
def chat_ports() -> "ChatPorts":
    from tollgate.usecases.complete_chat import ChatPorts
    from tollgate.usecases.remember_refusals import RefusalMemory

    return ChatPorts(
        ledger=ledger(),
        accounts=accounts(),
        prices=prices(),
        counter=counter(),
        upstream=upstream(),
        clock=clock,
        new_key=new_call_key,
        memory=RefusalMemory(),
        guard=guard(),
        sleep=time.sleep,
        jitter=_RANDOM.random,
    )


@cache
def breakers() -> "DynamoDbBreakers":
    from tollgate.adapters.dynamodb_breakers import DynamoDbBreakers

    return DynamoDbBreakers(dynamodb(), settings().ledger_table)


def breaker_rules() -> "BreakerRules":
    from tollgate.domain.breaker import BreakerRules

    return BreakerRules(
        failures=settings().breaker_failures,
        limits=settings().breaker_rate_limits,
        window=timedelta(seconds=settings().breaker_window_seconds),
        shortest=timedelta(seconds=settings().breaker_open_seconds),
        longest=timedelta(seconds=settings().breaker_longest_open_seconds),
    )


@cache
def guard() -> "Guard":
    from tollgate.adapters.logged_alerts import LoggedAlerts
    from tollgate.domain.loop import LoopRules
    from tollgate.usecases.guard_call import Guard
    from tollgate.usecases.notice_loops import LoopMemory
    from tollgate.usecases.watch_breakers import BreakerWatch

    loop_rules = LoopRules(
        repeats=settings().loop_repeats,
        failures=settings().loop_failures,
        window=timedelta(seconds=settings().loop_window_seconds),
        shortest=timedelta(seconds=settings().loop_open_seconds),
    )
    return Guard(
        watch=BreakerWatch(breakers(), breaker_rules()),
        loops=LoopMemory(loop_rules),
        alerts=LoggedAlerts(),
        rules=breaker_rules(),
        loop_rules=loop_rules,
        upstream=urlsplit(settings().openai_base_url).netloc,
        jitter=_RANDOM.random,
    )


def check_ports() -> "CheckPorts":
    from tollgate.usecases.check_cost import CheckPorts

    return CheckPorts(ledger=ledger(), accounts=accounts(), clock=clock, new_key=new_check_key)


@cache
def once_ports() -> "OncePorts":
    from tollgate.adapters.dynamodb_kept_calls import DynamoDbKeptCalls
    from tollgate.adapters.logged_alerts import LoggedAlerts
    from tollgate.usecases.answer_once import OncePorts

    return OncePorts(
        calls=DynamoDbKeptCalls(dynamodb(), settings().idempotency_table),
        alerts=LoggedAlerts(),
        clock=clock,
        keeps_text=settings().idempotency_answers == "encrypted",
    )


def keys_forgotten_at(now: datetime) -> datetime:
    """When an Idempotency-Key that comes now is forgotten."""
    return now + timedelta(hours=settings().idempotency_hours)


@cache
def remote_comparison() -> "Comparing":
    """Outside of the private network, by way of a function inside."""
    from tollgate.adapters.invoked_comparison import invoked_comparison

    return invoked_comparison(settings().compare_books_function)


def health_checks() -> "Mapping[str, Ask]":
    """The span store is asked only where this function can reach it."""
    checks: dict[str, Ask] = {"ledger": _ask_ledger}
    if settings().database_url:
        checks["spans"] = _ask_spans
        checks["books"] = _ask_books
        checks["watermark"] = _ask_watermark
    return checks


def _ask_ledger() -> "Mapping[str, Any]":
    ledger().read_page("health-check", "1970-01")
    return {}


def _ask_spans() -> "Mapping[str, Any]":
    spans().ping(timedelta(seconds=2))
    return {}


def _ask_books() -> "Mapping[str, Any]":
    """What differs is a matter for a person, not for whoever asks whether calls can be made: it is no failure."""
    spans().ping(timedelta(seconds=1))
    state = comparison().state()
    compared_at = state.compared_at.isoformat(timespec="seconds") if state.compared_at else None
    return {"openDrifts": state.open_drifts, "missingSpans": state.missing, "comparedAt": compared_at}


def _ask_watermark() -> "Mapping[str, Any]":
    """How far rollups have come. One that stays behind makes summaries slow and never wrong, so it fails no check."""
    reached = rollups().watermark()
    if reached is None:
        return {"rolledUpTo": None, "behindSeconds": None}
    rolled_up_to = reached.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"rolledUpTo": rolled_up_to, "behindSeconds": max(0, round((clock() - reached).total_seconds()))}


@cache
def postgres() -> "Postgres":
    from tollgate.adapters.postgres import Postgres, iam_token

    url, user = settings().database_url, settings().database_user
    return Postgres(url, user=user, password=iam_token(url, user=user) if settings().database_iam_auth else None)


@cache
def spans() -> "SpanStore":
    from tollgate.adapters.postgres_spans import PostgresSpans

    return PostgresSpans(postgres())


@cache
def rollups() -> "Rollups":
    from tollgate.adapters.postgres_rollups import PostgresRollups

    return PostgresRollups(postgres())


@cache
def schema() -> "Schema":
    from tollgate.adapters.postgres_schema import PostgresSchema

    return PostgresSchema(postgres())


@cache
def poison() -> "Poison":
    from tollgate.adapters.s3_poison import S3Poison

    return S3Poison(settings().poison_bucket)


@cache
def span_sinks() -> "Sequence[SpanSink]":
    """Those that are configured. The one that takes a whole batch at once comes first: it leaves time for the other."""
    from tollgate.adapters.helicone_log import HeliconeLog
    from tollgate.adapters.otlp_sink import OtlpSink, given_headers
    from tollgate.adapters.secrets import read_secret
    from tollgate.adapters.sink_http import SinkHttp

    sinks: list[SpanSink] = []
    http = SinkHttp(clock=clock)
    endpoint, otlp_arn = settings().otel_exporter_otlp_endpoint, settings().otlp_headers_secret_arn
    if endpoint:
        sinks.append(OtlpSink(endpoint, lambda: given_headers(read_secret(otlp_arn)) if otlp_arn else {}, http))
    helicone_arn = settings().helicone_api_key_secret_arn
    if helicone_arn and settings().helicone_mode == "log":
        sinks.append(HeliconeLog(settings().helicone_log_url, lambda: read_secret(helicone_arn), http))
    return sinks


@cache
def job_store() -> "JobStore":
    """Inside the private network."""
    from tollgate.adapters.postgres_jobs import PostgresJobs

    return PostgresJobs(postgres())


@cache
def remote_job_store() -> "JobStore":
    """Outside of it, by way of a function inside."""
    from tollgate.adapters.invoked_jobs import InvokedJobStore, lambda_invoke

    return InvokedJobStore(lambda_invoke(settings().store_jobs_function))


@cache
def shelf() -> "DynamoDbShelf":
    from tollgate.adapters.dynamodb_shelf import DynamoDbShelf

    return DynamoDbShelf(dynamodb(), settings().ledger_table)


@cache
def span_books() -> "PostgresBooks":
    from tollgate.adapters.postgres_books import PostgresBooks

    return PostgresBooks(postgres())


@cache
def refusals() -> "DynamoDbRefusals":
    from tollgate.adapters.dynamodb_refusals import DynamoDbRefusals

    return DynamoDbRefusals(lambda: dynamodb(), settings().ledger_table)  # noqa: PLW0108 - tests put another in its place


@cache
def refusal_tally() -> "RefusalTally":
    from tollgate.observability import count_refusal, lose_refusals
    from tollgate.usecases.count_refusals import RefusalTally

    return RefusalTally(refusals(), clock=clock, tell=count_refusal, lose=lose_refusals)


@cache
def drifts() -> "DriftBook":
    from tollgate.adapters.postgres_drifts import PostgresDrifts

    return PostgresDrifts(postgres())


@cache
def event_alerts() -> "Alerts":
    """Outside the private network only."""
    from tollgate.adapters.eventbridge_alerts import EventBridgeAlerts, events_client
    from tollgate.adapters.logged_alerts import LoggedAlerts

    return EventBridgeAlerts(events_client(), settings().alert_bus, LoggedAlerts())


@cache
def comparison() -> "PageComparison":
    from tollgate.adapters.postgres_comparison import PostgresComparison

    return PostgresComparison(postgres())


# ---- the provider's bill ----------------------------------------------------------------------------------------------------


@cache
def bill_source() -> "Bill":
    from tollgate.adapters.openai_bill import OpenAiBill
    from tollgate.adapters.secrets import read_secret

    arn = settings().openai_admin_key_secret_arn
    return OpenAiBill(settings().openai_admin_base_url, lambda: read_secret(arn))


@cache
def bill_books() -> "BillBooks":
    """Inside the private network."""
    from tollgate.adapters.postgres_bill import PostgresBill
    from tollgate.adapters.price_book import FilePriceBook
    from tollgate.domain.price import cost_of
    from tollgate.usecases.compare_bill import OwnBillBooks

    # Of calls that were made: the ends of models, which stand in DynamoDB, are not asked for.
    book = FilePriceBook(overrides=settings().price_overrides, region=region_factor(settings().openai_base_url))
    return OwnBillBooks(
        store=PostgresBill(postgres()),
        drifts=drifts(),
        shared_project=settings().openai_shared_project,
        cost_of=lambda model, usage, tier, at: cost_of(usage, book.price_of_spent(model, at), tier=tier),
        named=book.entry_of,
    )


@cache
def remote_bill_books() -> "BillBooks":
    """Outside of it, by way of a function inside."""
    from tollgate.adapters.invoked_bill import InvokedBillBooks, lambda_invoke

    return InvokedBillBooks(lambda_invoke(settings().store_bill_function))


@cache
def span_months() -> "PostgresMonths":
    from tollgate.adapters.postgres_months import PostgresMonths

    return PostgresMonths(postgres())


# ---- connections to ServiceTitan --------------------------------------------------------------------------------------------


@cache
def connections() -> "Connections":
    from tollgate.adapters.dynamodb_connections import DynamoDbConnections

    return DynamoDbConnections(dynamodb(), settings().ledger_table)


@cache
def leases() -> "Leases":
    from tollgate.adapters.dynamodb_leases import DynamoDbLeases

    return DynamoDbLeases(dynamodb(), settings().ledger_table)


@cache
def connection_secrets() -> "ConnectionSecrets":
    from tollgate.adapters.connection_secrets import StoredConnectionSecrets
    from tollgate.adapters.secrets import new_vault

    return StoredConnectionSecrets(new_vault(), settings().servicetitan_connection_secret_prefix)


@cache
def given_connection() -> "Connection | None":
    from tollgate.adapters.servicetitan_access import given_connection as given_by

    return given_by(
        environment=settings().servicetitan_environment,
        tenant_id=settings().servicetitan_tenant_id,
        secret_arn=settings().servicetitan_secret_arn,
        tollgate_tenant=settings().servicetitan_tollgate_tenant,
        timezone=settings().servicetitan_timezone,
    )


def all_connections() -> "list[Connection]":
    from tollgate.domain.connection import with_given

    return with_given(connections().stored(), given_connection())


def connection_of(connection_id: str) -> "Connection | None":
    given = given_connection()
    return connections().read(connection_id) or (given if given and given.id == connection_id else None)


@cache
def syncs() -> "SyncStatuses":
    from tollgate.adapters.dynamodb_syncs import DynamoDbSyncs

    return DynamoDbSyncs(dynamodb(), settings().ledger_table)


@cache
def sync_queue() -> "SyncQueue":
    from tollgate.adapters.sqs_queue import SqsQueue, new_sqs

    return SqsQueue(new_sqs(), settings().sync_queue_url)


@cache
def sync_ports() -> "SyncPorts":
    from tollgate.usecases.sync_connection import SyncPorts

    return SyncPorts(
        connection_of=connection_of,
        source_of=job_source,
        store=remote_job_store(),
        leases=leases(),
        statuses=syncs(),
        queue=sync_queue(),
        clock=clock,
    )


# Few enough to keep: a function's environment serves the connections of its messages, one after the other.
@lru_cache(maxsize=32)
def job_source(connection: "Connection") -> "JobSource":
    """One for each version of a connection, with its token: what was changed may be its secret."""
    from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs

    return ServiceTitanJobs(servicetitan_client(connection))


def connection_ports() -> "ConnectionPorts":
    from tollgate.usecases.manage_connections import ConnectionPorts

    return ConnectionPorts(
        connections=connections(),
        secrets=connection_secrets(),
        accounts=accounts(),
        leases=leases(),
        statuses=syncs(),
        clock=clock,
        given=given_connection(),
        has_app_key=bool(settings().servicetitan_secret_arn),
    )


def servicetitan_client(connection: "Connection") -> "ServiceTitanClient":
    """At a worker's pace, with secrets of its own memory: one that was rotated is read with the connection's next version."""
    from tollgate.adapters.secrets import Secrets, new_vault
    from tollgate.adapters.servicetitan_http import PACE_SECONDS

    return _client_of(connection, read=Secrets(new_vault()).read, pace_s=PACE_SECONDS)


def connection_probe(connection: "Connection") -> "ConnectionProbe":
    """At a check's pace; the secrets are read once, as they are now, in little time: the check itself has not much."""
    from tollgate.adapters.secrets import Secrets, new_vault
    from tollgate.adapters.servicetitan_http import CHECK_PACE_SECONDS
    from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs
    from tollgate.adapters.servicetitan_probe import ServiceTitanProbe

    secrets = Secrets(new_vault(read_timeout_s=2, tries=2))
    client = _client_of(connection, read=secrets.read, pace_s=CHECK_PACE_SECONDS)
    return ServiceTitanProbe(client, ServiceTitanJobs(client))


def _client_of(connection: "Connection", *, read: "Callable[[str], str]", pace_s: float) -> "ServiceTitanClient":
    from tollgate.adapters.servicetitan_access import addresses_of, credentials_of
    from tollgate.adapters.servicetitan_client import ServiceTitanClient

    addresses = addresses_of(
        environment=connection.environment.value,
        base_url=settings().servicetitan_base_url,
        auth_url=settings().servicetitan_auth_url,
    )
    read_credentials = credentials_of(
        connection,
        platform_arn=settings().servicetitan_secret_arn,
        prefix=settings().servicetitan_connection_secret_prefix,
        read=read,
    )
    return ServiceTitanClient(addresses, connection.servicetitan_tenant_id, read_credentials, pace_s=pace_s)
