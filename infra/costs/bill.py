"""A month's bill, line by line: how much of each thing is used, times its price."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from infra.costs.assumptions import Assumptions
from infra.costs.price import Price

DAYS = Decimal(30)
HOURS = DAYS * 24
GB = Decimal(10**9)
WRITE_BYTES = 1024
READ_BYTES = 4096
RECORD_DAYS = 62
# RDS Proxy bills at least so many in front of Aurora Serverless v2.
PROXY_ACU_LEAST = Decimal(8)
# Each minute the sweep asks so many shards of the index, half a read unit each.
SWEPT_SHARDS = 8


class Mode(StrEnum):
    """`proxy`: the agent calls OpenAI through the gate. `sdk`: it calls OpenAI itself, between a check with a hold and a record."""

    PROXY = "proxy"
    SDK = "sdk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    name: str
    acu_least: Decimal
    has_proxy: bool
    has_waf: bool
    # Whether the database is awake in the busy hours alone. Each span wakes it, and each roll-up and comparison of the books: those are
    # made once a day then.
    pauses: bool


PRODUCTION = Profile(name="production", acu_least=Decimal("0.5"), has_proxy=True, has_waf=True, pauses=False)
LOW_COST = Profile(name="low-cost", acu_least=Decimal("0.5"), has_proxy=False, has_waf=False, pauses=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    tenants: int
    calls: Decimal
    lines: tuple[Line, ...]

    @property
    def usd(self) -> Decimal:
        return sum((line.usd for line in self.lines), Decimal(0))

    def line(self, name: str) -> Decimal:
        return next(line.usd for line in self.lines if line.name == name)


def bill(
    tenants: int,
    mode: Mode,
    profile: Profile,
    *,
    prices: Mapping[str, Price],
    assumed: Assumptions,
) -> Bill:
    if tenants < 1:
        raise ValueError(f"{tenants} tenants have no bill")
    use = Use(tenants=tenants, mode=mode, assumed=assumed)
    usd = {name: price.of for name, price in prices.items()}
    acu = max(profile.acu_least, use.acu)
    lines = {
        "API Gateway": usd["api_request"](use.requests),
        "Lambda, waiting for OpenAI": usd["lambda_gb_second"](use.waiting_gb_s),
        "Lambda, all else": usd["lambda_gb_second"](use.working_gb_s) + usd["lambda_request"](use.invocations),
        "DynamoDB, holds, settlements, records": usd["dynamodb_write"](use.write_units) + usd["dynamodb_read"](use.read_units),
        "DynamoDB, scans": usd["dynamodb_read"](use.scan_units),
        "DynamoDB, storage and recovery": usd["dynamodb_gb"](use.ledger_gb) + usd["dynamodb_pitr_gb"](use.ledger_gb),
        "Aurora, capacity": usd["aurora_acu_hour"](acu * (assumed.busy_hours * DAYS if profile.pauses else HOURS)),
        "Aurora, storage and I/O": usd["aurora_gb"](use.postgres_gb) + usd["aurora_io"](use.calls * assumed.ios),
        "RDS Proxy": usd["proxy_acu_hour"](max(acu, PROXY_ACU_LEAST) * HOURS) if profile.has_proxy else Decimal(0),
        "WAF": _waf(use, assumed, prices) if profile.has_waf else Decimal(0),
        "Logs, metrics, alarms": usd["log_gb"](use.log_gb) + usd["metric"](assumed.metrics) + usd["alarm"](assumed.alarms),
        "Secrets, keys, schedules": usd["secret"](use.secrets) + usd["kms_key"](Decimal(1)) + usd["schedule"](use.scheduled),
        "Data out": usd["egress_gb"](use.egress_gb),
    }  # fmt: skip
    return Bill(
        tenants=tenants, calls=use.calls, lines=tuple(Line(name=name, usd=amount) for name, amount in lines.items())
    )


def connection(prices: Mapping[str, Price], assumed: Assumptions) -> tuple[Line, ...]:
    """What one ServiceTitan connection adds to a month: its secret, and its runs with what they store."""
    runs = assumed.connection_runs_a_day * DAYS
    stores = runs * assumed.stores_a_run
    gb_s = (runs * assumed.connection_run_s + stores * assumed.store_s) * assumed.function_gb
    logs = (runs + stores) * assumed.platform_log_bytes / GB
    return (
        Line(name="its secret", usd=prices["secret"].of(Decimal(1))),
        Line(name="Lambda", usd=prices["lambda_gb_second"].of(gb_s) + prices["lambda_request"].of(runs + stores)),
        Line(name="logs", usd=prices["log_gb"].of(logs)),
    )


def _waf(use: "Use", assumed: Assumptions, prices: Mapping[str, Price]) -> Decimal:
    fixed = prices["waf_acl"].of(Decimal(1)) + prices["waf_rule"].of(assumed.waf_rules)
    return fixed + prices["waf_request"].of(use.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a month uses."""

    tenants: int
    mode: Mode
    assumed: Assumptions

    @property
    def calls(self) -> Decimal:
        return self.tenants * self.assumed.calls_a_day * DAYS

    @property
    def requests(self) -> Decimal:
        return self.calls if self.mode is Mode.PROXY else 2 * self.calls

    @property
    def waiting_gb_s(self) -> Decimal:
        return self.calls * self.assumed.call_s * self.assumed.chat_gb if self.mode is Mode.PROXY else Decimal(0)

    @property
    def working_gb_s(self) -> Decimal:
        a = self.assumed
        gate = a.gate_s * a.chat_gb if self.mode is Mode.PROXY else a.route_s * (a.check_gb + a.function_gb)
        authorizer = a.authorized * a.route_s * a.authorizer_gb
        writer = self.writer_runs * a.writer_s + self.calls * a.writer_span_s
        roll_ups = DAYS * a.roll_ups_a_day * a.roll_up_s + self.calls * a.roll_up_span_s
        others = DAYS * a.other_runs_a_day * a.schedule_s
        return self.calls * (gate + authorizer) + (writer + roll_ups + others) * a.function_gb

    @property
    def writer_runs(self) -> Decimal:
        """One for each call while calls are rare; with many, one for each shard and second, which is the batch's window."""
        busy_s = self.assumed.busy_hours * 3600
        a_second = self.tenants * self.assumed.calls_a_day * self._page_units / busy_s
        shards = max(self.assumed.shards, (a_second / 1000).to_integral_value(ROUND_CEILING))
        return min(self.calls, shards * busy_s * DAYS)

    @property
    def invocations(self) -> Decimal:
        return self.requests + self.calls * self.assumed.authorized + self.writer_runs + self.scheduled

    @property
    def scheduled(self) -> Decimal:
        return (self.assumed.roll_ups_a_day + self.assumed.other_runs_a_day) * DAYS

    @property
    def write_units(self) -> Decimal:
        """A turn in the index of due pages: put and taken away there (one unit each), and one update by the sweep."""
        turns = self.calls * self.assumed.due_turns * (2 + self.assumed.settle_units)
        return self.calls * self._page_units + turns

    @property
    def _page_units(self) -> Decimal:
        a = self.assumed
        if self.mode is Mode.PROXY:
            return a.hold_units + a.settle_units
        # A record is one transaction of the page and an item of its own, and each unit of it counts twice.
        return a.hold_units + 2 * (a.settle_units + _units(a.record_bytes, WRITE_BYTES))

    @property
    def read_units(self) -> Decimal:
        """The authorizer reads a key and an account; the breakers are half a unit; the sweep reads a page. A record reads three times."""
        a, page = self.assumed, _units(self.assumed.page_bytes, READ_BYTES)
        of_a_call = (
            a.authorized * 2 + (Decimal("0.5") if self.mode is Mode.PROXY else 1 + 2 * page) + a.due_turns * page
        )
        return self.calls * of_a_call + DAYS * 1440 * SWEPT_SHARDS / 2

    @property
    def ledger_gb(self) -> Decimal:
        a = self.assumed
        records = a.calls_a_day * RECORD_DAYS * a.record_bytes if self.mode is Mode.SDK else Decimal(0)
        return self.tenants * (a.account_bytes + a.pages_kept * a.page_bytes + records) / GB

    @property
    def scan_units(self) -> Decimal:
        return self.ledger_gb * GB / READ_BYTES / 2 * self.assumed.scans_a_day * DAYS

    @property
    def postgres_gb(self) -> Decimal:
        return self.calls * self.assumed.months_kept * self._stored_bytes / GB

    @property
    def acu(self) -> Decimal:
        """In steps of a half."""
        a_day = self.tenants * self.assumed.calls_a_day * self._stored_bytes
        return (a_day / self.assumed.acu_bytes * 2).to_integral_value(ROUND_CEILING) / 2

    @property
    def _stored_bytes(self) -> Decimal:
        return self.assumed.span_bytes + self.assumed.rollup_bytes

    @property
    def log_gb(self) -> Decimal:
        a = self.assumed
        of_functions = self.invocations * a.platform_log_bytes + self.writer_runs * a.writer_log_bytes
        return (of_functions + self.requests * a.access_log_bytes) / GB

    @property
    def secrets(self) -> Decimal:
        return self.assumed.secrets + self.tenants * self.assumed.secrets_a_tenant

    @property
    def egress_gb(self) -> Decimal:
        """The prompt to OpenAI and its answer to the agent. An agent that calls OpenAI itself gets two short answers."""
        of_a_call = self.assumed.answer_bytes
        if self.mode is Mode.PROXY:
            of_a_call += self.assumed.request_bytes
        return self.calls * of_a_call / GB


def _units(size: Decimal, of: int) -> Decimal:
    return (size / of).to_integral_value(ROUND_CEILING)
