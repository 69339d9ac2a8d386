"""What the arithmetic takes for granted, each with its basis. Nothing here was seen on an AWS bill."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

FILE = Path(__file__).with_name("assumptions.json")


class Basis(StrEnum):
    """`template`: as template.yaml or the code has it. `measured`: by a command of ours. `assumed`: a guess; put your own figure there."""

    TEMPLATE = "template"
    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    figure: Decimal
    basis: Basis
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The figures alone. What each is stands in assumptions.json."""

    calls_a_day: Decimal
    busy_hours: Decimal
    call_s: Decimal
    input_tokens: Decimal
    output_tokens: Decimal
    request_bytes: Decimal
    answer_bytes: Decimal
    chat_gb: Decimal
    authorizer_gb: Decimal
    check_gb: Decimal
    function_gb: Decimal
    gate_s: Decimal
    route_s: Decimal
    authorized: Decimal
    writer_s: Decimal
    writer_span_s: Decimal
    roll_up_s: Decimal
    roll_up_span_s: Decimal
    schedule_s: Decimal
    hold_units: Decimal
    settle_units: Decimal
    page_bytes: Decimal
    due_turns: Decimal
    account_bytes: Decimal
    record_bytes: Decimal
    pages_kept: Decimal
    scans_a_day: Decimal
    shards: Decimal
    span_bytes: Decimal
    rollup_bytes: Decimal
    months_kept: Decimal
    ios: Decimal
    acu_bytes: Decimal
    platform_log_bytes: Decimal
    writer_log_bytes: Decimal
    access_log_bytes: Decimal
    metrics: Decimal
    alarms: Decimal
    secrets: Decimal
    secrets_a_tenant: Decimal
    connection_runs_a_day: Decimal
    connection_run_s: Decimal
    stores_a_run: Decimal
    store_s: Decimal
    roll_ups_a_day: Decimal
    other_runs_a_day: Decimal
    waf_rules: Decimal

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) < 0:
                raise ValueError(f"{each.name} is less than nothing")


def read_assumptions() -> Mapping[str, Assumption]:
    return {
        name: Assumption(figure=Decimal(entry["figure"]), basis=Basis(entry["basis"]), what=entry["what"])
        for name, entry in json.loads(FILE.read_text(encoding="utf-8")).items()
    }


def figures_of(assumed: Mapping[str, Assumption]) -> Assumptions:
    return Assumptions(**{name: each.figure for name, each in assumed.items()})
