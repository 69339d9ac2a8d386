"""The demo's proof, on books that were made up: it says equal only where they are."""

from dataclasses import replace
from typing import Any

import pytest

from infra.local.demo.api import Summary
from infra.local.demo.bill import Bill
from infra.local.demo.books import LedgerEntry, SpanEntry, ledger_entry
from infra.local.demo.proof import Comparison, Evidence, prove
from infra.local.demo.tally import Count

NO_SUMMARY = Summary(
    cost=0,
    calls=0,
    input_tokens=0,
    cached_input_tokens=0,
    output_tokens=0,
    downgraded_calls=0,
    saved=0,
    p50_ms=None,
    p95_ms=None,
    models=(),
)


def entry(spent: int, *, used: int | None = None, holds: int = 0, seq: int = 3) -> LedgerEntry:
    used = spent if used is None else used
    return LedgerEntry(
        spent=spent, used=used, holds=holds, seq=seq, days={"2026-11-23": spent}, months={"2026-11": spent}
    )


@pytest.fixture
def evidence() -> Evidence:
    """Two tenants whose books agree: one that was served three calls, one that flooded and was stopped."""
    return Evidence(
        bill=Bill(calls={"calm": 3, "flood": 2}, cost={"calm": 700, "flood": 1000}, others=0),
        ledger={"calm": entry(700), "flood": entry(1000, seq=2)},
        spans={"calm": SpanEntry(cost=700, count=3, served=3), "flood": SpanEntry(cost=1000, count=2, served=2)},
        summaries={"calm": replace(NO_SUMMARY, cost=700, calls=3), "flood": replace(NO_SUMMARY, cost=1000, calls=2)},
        counts={"calm": Count(served=3, receipts=700), "flood": Count(served=2, refused=9, receipts=1000)},
        limits={"calm": (1000, 20_000), "flood": (1000, 20_000)},
        flooded=frozenset({"flood"}),
    )


def test_books_that_agree_are_equal(evidence: Evidence) -> None:
    proof = prove(evidence)

    assert proof.is_equal
    assert proof.keeps_promises
    assert proof.left_out == ()


def test_one_nano_dollar_more_at_openai_is_not_equal(evidence: Evidence) -> None:
    assert evidence.bill is not None
    billed = replace(evidence, bill=replace(evidence.bill, cost={"calm": 701, "flood": 1000}))

    wrong = [comparison for comparison in prove(billed).comparisons if not comparison.is_equal]

    assert [comparison.left_name for comparison in wrong] == ["OpenAI served, priced by hand"]
    assert wrong[0].differences == ["calm: 701 and 700, difference +1 nano-dollars"]


def test_two_differences_that_cancel_out_are_not_equal() -> None:
    comparison = Comparison(left_name="one", left={"a": 1, "b": 3}, right_name="other", right={"a": 3, "b": 1})

    assert comparison.sums == (4, 4)
    assert not comparison.is_equal


@pytest.mark.parametrize(
    "spans",
    [
        SpanEntry(cost=700, count=2, served=2),
        SpanEntry(cost=699, count=3, served=3),
        SpanEntry(cost=700, count=4, served=3),
    ],
    ids=["a span is lost", "a span is short", "a span is too many"],
)
def test_a_fault_in_postgres_is_not_equal(evidence: Evidence, spans: SpanEntry) -> None:
    assert not prove(replace(evidence, spans={**evidence.spans, "calm": spans})).is_equal


def test_money_that_is_still_held_is_not_equal(evidence: Evidence) -> None:
    assert not prove(replace(evidence, ledger={**evidence.ledger, "calm": entry(700, used=750)})).is_equal
    assert not prove(replace(evidence, ledger={**evidence.ledger, "calm": entry(700, holds=1)})).is_equal


def test_a_tenant_that_spent_one_nano_dollar_too_much_breaks_a_promise(evidence: Evidence) -> None:
    proof = prove(replace(evidence, limits={"calm": (699, 20_000), "flood": (1000, 999)}))

    assert not proof.keeps_promises
    assert proof.checks[0].breaches == (
        "calm spent 700 of 699 nano-dollars in 2026-11-23",
        "flood spent 1,000 of 999 nano-dollars in 2026-11",
    )


def test_a_flood_that_was_never_refused_breaks_a_promise(evidence: Evidence) -> None:
    calm = evidence.counts["calm"]

    assert not prove(replace(evidence, counts={"calm": calm, "flood": Count(served=2, receipts=1000)})).keeps_promises


def test_a_refusal_of_somebody_else_breaks_a_promise(evidence: Evidence) -> None:
    counts = {**evidence.counts, "calm": Count(served=3, refused=1, receipts=700)}

    assert not prove(replace(evidence, counts=counts)).keeps_promises


def test_without_openais_word_the_rest_is_still_compared(evidence: Evidence) -> None:
    proof = prove(replace(evidence, bill=None))

    assert proof.is_equal
    assert len(proof.left_out) == 1
    assert not any("OpenAI" in comparison.left_name for comparison in proof.comparisons)


def test_a_failed_call_has_no_receipt_to_compare(evidence: Evidence) -> None:
    proof = prove(
        replace(evidence, counts={**evidence.counts, "flood": Count(served=1, failed=1, refused=9, receipts=400)})
    )

    assert proof.is_equal
    assert proof.left_out == ("the agents' receipts: 1 calls failed, and a call that failed brings none",)


def test_a_tenants_pages_are_summed_over_a_turn_of_the_month() -> None:
    def page(month: str, *, spent: int, used: int, seq: int) -> dict[str, Any]:
        numbers = {"spent": spent, "used": used, "seq": seq, "spent_01": spent, "used_01": used}
        holds: dict[str, Any] = {"M": {"key": {"M": {}}}} if used > spent else {"M": {}}
        return {
            "sk": {"S": f"MONTH#{month}"},
            "holds": holds,
            **{name: {"N": str(value)} for name, value in numbers.items()},
        }

    found = ledger_entry([page("2026-11", spent=5, used=5, seq=2), page("2026-12", spent=7, used=9, seq=1)])

    assert found == LedgerEntry(
        spent=12, used=14, holds=1, seq=3, days={"2026-11-01": 5, "2026-12-01": 7}, months={"2026-11": 5, "2026-12": 7}
    )
