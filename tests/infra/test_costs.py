"""infra/costs: the page has what the module prints, and the module reckons as one does by hand."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from infra.costs.__main__ import BEGIN, END, PAGE, tables_of, with_tables
from infra.costs.assumptions import figures_of, read_assumptions
from infra.costs.bill import LOW_COST, PRODUCTION, Bill, Mode, Profile, Use, bill, connection
from infra.costs.price import Basis, Price, read_prices
from infra.costs.report import openai_usd, report
from tests.infra.template import ROOT, functions, template

PRICES = read_prices()
ASSUMED = figures_of(read_assumptions())


def of(tenants: int, mode: Mode = Mode.PROXY, profile: Profile = PRODUCTION, **changed: str) -> Bill:
    assumed = replace(ASSUMED, **{name: Decimal(value) for name, value in changed.items()})
    return bill(tenants, mode, profile, prices=PRICES, assumed=assumed)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def test_the_page_has_the_tables_that_the_module_prints() -> None:
    assert tables_of(PAGE.read_text(encoding="utf-8")) == report()


def test_writing_the_tables_touches_nothing_else_and_a_page_without_its_marks_is_refused() -> None:
    page = f"x before\n\n{BEGIN}\nx\n{END}\n\nx after\n"

    assert with_tables(page, "| y |") == f"x before\n\n{BEGIN}\n| y |\n{END}\n\nx after\n"
    with pytest.raises(ValueError, match="marks once"):
        tables_of(page + page)
    with pytest.raises(ValueError, match="marks once"):
        tables_of("no marks")


def test_a_thousand_tenants_wait_for_six_hundred_dollars() -> None:
    # By hand: 1,000 x 200 x 30 = 6,000,000 calls; x 5 s x 1.5 GB = 45,000,000 GB-s; x $0.0000133334 = $600.003.
    found = of(1_000)

    assert found.calls == 6_000_000
    assert cents(found.line("Lambda, waiting for OpenAI")) == Decimal("600.00")


def test_waiting_grows_with_the_length_of_a_call_and_with_memory_and_is_nothing_where_the_agent_waits() -> None:
    once = of(1_000).line("Lambda, waiting for OpenAI")

    assert of(1_000, call_s="20").line("Lambda, waiting for OpenAI") == 4 * once
    assert of(1_000, chat_gb="0.5").line("Lambda, waiting for OpenAI") * 3 == once
    assert of(1_000, Mode.SDK, call_s="20").line("Lambda, waiting for OpenAI") == 0


def test_a_call_is_one_request_and_a_check_with_its_record_two() -> None:
    # By hand: 6 x $3.50, and 12 x $3.50.
    assert of(1_000).line("API Gateway") == 21
    assert of(1_000, Mode.SDK).line("API Gateway") == 42


def test_a_call_takes_six_write_units_and_a_record_counts_its_own_twice() -> None:
    # By hand, proxy: 2 + 2, and half a turn of 2 + 2 in the index of due pages: 6 units; 36 M x $0.625 = $22.50. Reads: half of
    # 2 for the authorizer, 0.5 for the breakers, 0.5 for the sweep: 2 units; 12 M x $0.125 = $1.50; the sweep's own: 43,200 x 4.
    sweep = Decimal(43_200 * 4) * Decimal("0.125") / 1_000_000
    assert of(1_000).line("DynamoDB, holds, settlements, records") == Decimal("24.00") + sweep

    # SDK: 2 + 2 x (2 + 1), and 2 for the turn: 10 units, $37.50. Reads: 1 + 1 + 2 + 0.5: 4.5 units, $3.375.
    assert of(1_000, Mode.SDK).line("DynamoDB, holds, settlements, records") == Decimal("40.875") + sweep


def test_what_is_kept_in_the_ledger_is_scanned_twenty_five_times_a_day() -> None:
    # By hand: 1,000 + 14 x 1,477 = 21,678 bytes a tenant; 62 days of 200 records of 300 bytes are 3,720,000 more.
    gb, gb_sdk = Decimal("0.021678"), Decimal("3.741678")
    assert of(1_000).line("DynamoDB, storage and recovery") == gb * Decimal("0.45")
    assert of(1_000, Mode.SDK).line("DynamoDB, storage and recovery") == gb_sdk * Decimal("0.45")

    # 3,741,678,000 / 8,192 = 456,747.8 read units a scan, 750 scans: $42.82.
    assert cents(of(1_000, Mode.SDK).line("DynamoDB, scans")) == Decimal("42.82")


def test_a_database_that_never_pauses_takes_half_a_unit_all_month_and_one_that_pauses_half_of_that() -> None:
    # By hand: 0.5 x 720 h x $0.12; with twelve hours a day half of it.
    assert cents(of(10).line("Aurora, capacity")) == Decimal("43.20")
    assert cents(of(10, profile=LOW_COST).line("Aurora, capacity")) == Decimal("21.60")


def test_capacity_follows_a_days_spans_in_halves() -> None:
    # By hand: 1,000 x 200 x (600 + 400) bytes = 0.2 GB, so the least; 20,000 tenants: 4 GB, so 4; one tenant more: 4.5.
    def capacity(tenants: int) -> Decimal:
        return of(tenants, span_bytes="600", rollup_bytes="400").line("Aurora, capacity")

    hours = Decimal(720) * Decimal("0.12")
    assert capacity(1_000) == hours / 2
    assert capacity(20_000) == 4 * hours
    assert capacity(20_001) == Decimal("4.5") * hours


def test_the_proxy_is_billed_for_eight_units_at_least_and_the_low_cost_profile_has_none() -> None:
    # By hand: 8 x 720 h x $0.015.
    assert of(10).line("RDS Proxy") == Decimal("86.40")
    assert of(1_000_000).line("RDS Proxy") > Decimal("86.40")
    assert of(10, profile=LOW_COST).line("RDS Proxy") == 0
    assert of(10, profile=LOW_COST).line("WAF") == 0


def test_the_web_acl_costs_ten_dollars_and_sixty_cents_a_million() -> None:
    assert of(1_000).line("WAF") == Decimal("13.60")
    assert of(1_000, Mode.SDK).line("WAF") == Decimal("17.20")


def test_a_secret_for_each_tenant_costs_forty_cents() -> None:
    more = of(1_000, secrets_a_tenant="1").usd - of(1_000).usd

    assert more == 400


def test_a_servicetitan_connection_is_mostly_its_secret() -> None:
    # By hand: 2,880 runs of 3 s and 17,280 of 0.1 s at half a gigabyte are 5,184 GB-s, $0.0691; 20,160 requests $0.0040; their logs
    # are 14.1 MB, $0.0071.
    secret, functions_, logs = connection(PRICES, ASSUMED)

    assert secret.usd == Decimal("0.40")
    assert functions_.usd.quantize(Decimal("0.0001")) == Decimal("0.0732")
    assert logs.usd.quantize(Decimal("0.0001")) == Decimal("0.0071")


def test_the_writer_runs_once_a_call_until_its_shards_are_busy_each_second() -> None:
    # By hand: four shards, 43,200 busy seconds, 30 days: 5,184,000 runs at most, each 700 + 552 bytes of logs, half a kilobyte of
    # access log and 700 bytes of logs for the call, half of that for the authorizer. 6,000,000 calls:
    by_hand = (6_000_000 * 1_550 + 5_184_000 * 1_252 + 64_290 * 700) / Decimal(10**9) * Decimal("0.50")

    assert of(1_000).line("Logs, metrics, alarms") == by_hand + 80 * Decimal("0.30") + 30 * Decimal("0.10")


def test_the_lines_are_all_there_is() -> None:
    for mode in Mode:
        found = of(1_000, mode)
        assert found.usd == sum(line.usd for line in found.lines)


def test_proxy_mode_costs_mostly_its_waiting_and_sdk_mode_less_than_half_of_it_from_a_thousand_tenants_on() -> None:
    for tenants in (1_000, 100_000):
        proxy, sdk = of(tenants), of(tenants, Mode.SDK)
        assert proxy.line("Lambda, waiting for OpenAI") > proxy.usd / 2
        assert sdk.usd < proxy.usd / 2


def test_nobody_and_less_than_nothing_have_no_bill() -> None:
    with pytest.raises(ValueError, match="0 tenants"):
        of(0)
    with pytest.raises(ValueError, match="call_s is less than nothing"):
        of(10, call_s="-1")


def test_a_free_price_is_refused() -> None:
    with pytest.raises(ValueError, match="is none"):
        Price(usd=Decimal(0), per=1, unit="GB", basis=Basis.DOCUMENTED, source="https://aws.amazon.com")


def test_what_openai_bills_comes_from_the_price_list() -> None:
    # By hand: 1,500 x $2.50 and 150 x $10 a million.
    assert openai_usd("gpt-4o", ASSUMED) == Decimal("0.00525")


@pytest.mark.parametrize(
    ("field", "function"),
    [
        ("chat_gb", "CreateChatCompletion"),
        ("authorizer_gb", "AuthenticateKey"),
        ("check_gb", "CheckCost"),
        ("function_gb", "RecordCost"),
        ("function_gb", "WriteSpans"),
        ("function_gb", "SweepHolds"),
    ],
)
def test_memory_is_what_the_template_gives(field: str, function: str) -> None:
    assert getattr(ASSUMED, field) * 1024 == functions()[function]["MemorySize"]


def test_the_schedules_run_as_often_as_the_template_says() -> None:
    rates = [
        str(event["Properties"]["ScheduleExpression"])
        if isinstance(event["Properties"]["ScheduleExpression"], str)
        else template()["Parameters"][event["Properties"]["ScheduleExpression"]["Ref"]]["Default"]
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    ]
    runs = [_runs_a_day(rate) for rate in rates]

    assert sum(runs) == ASSUMED.roll_ups_a_day + ASSUMED.other_runs_a_day
    assert _runs_a_day(template()["Parameters"]["RollUpRate"]["Default"]) == ASSUMED.roll_ups_a_day


def _runs_a_day(rate: str) -> int:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate)
    assert found is not None, rate
    return {"minute": 1440, "hour": 24, "day": 1}[found[2]] // int(found[1])


def test_the_limits_that_are_reckoned_follow_from_the_assumptions() -> None:
    limits = (ROOT / "infra/operations.md").read_text(encoding="utf-8").partition("\n## Limits")[2]
    busy_s, page_s, run_s = ASSUMED.busy_hours * 3600, Decimal("0.01"), 600
    in_flight = 3 * ASSUMED.calls_a_day * ASSUMED.call_s / busy_s
    turns_a_minute = ASSUMED.calls_a_day * ASSUMED.due_turns / (ASSUMED.busy_hours * 60)
    reckoned = {
        "1,000 is reached at about 14,000 tenants": 1_000 / in_flight,
        "about 36,000 tenants": 50 / page_s / turns_a_minute,
        "60,000 pages, 30,000 tenants": run_s / page_s / 2,
        "600 s read 6 GB, about 1,600 tenants": run_s * 10**7 / ledger_bytes(Mode.SDK),
        "in proxy mode 270,000": run_s * 10**7 / ledger_bytes(Mode.PROXY),
        "1,000 tenants: 230 GB": Use(tenants=1_000, mode=Mode.PROXY, assumed=ASSUMED).postgres_gb,
    }

    for words, figure in reckoned.items():
        assert words in limits
        said = int(re.findall(r"\d[\d,]*", words)[-1].replace(",", ""))
        assert abs(figure - said) < figure * Decimal("0.03"), (words, figure)


def ledger_bytes(mode: Mode) -> Decimal:
    return Use(tenants=1, mode=mode, assumed=ASSUMED).ledger_gb * 10**9
