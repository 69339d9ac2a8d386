"""That each benchmark runs, at its smallest; what it measures is nobody's promise."""

import pytest

from tests.bench import __main__ as bench
from tests.bench import call, cold, crowd, forecast, hold, hot, outcomes, page, stage, summary, writer
from tests.bench.busy_page import page_with
from tests.bench.busy_shop import a_busy_shop
from tests.bench.cold_start import colds, function_names
from tests.bench.first_events import first_events
from tests.bench.local_postgres import local_postgres


def test_a_name_without_a_benchmark_is_refused_before_any_runs() -> None:
    with pytest.raises(SystemExit, match="no benchmark holt"):
        bench.main(["hold", "holt"])


def test_the_page_is_measured_at_every_moment_of_its_month() -> None:
    text = "\n".join(page.report(in_flight=(0, 2), seconds=(1,)))

    assert all(moment.name in text for moment in page.MOMENTS)


def test_a_hold_and_a_settlement_are_one_round_trip_each() -> None:
    measured = hold.measure(in_flight=2, rounds=1, calls=1)

    assert {each.deed.name: each.round_trips for each in measured} == {"hold": 1, "settlement": 1}
    assert all("| whole / botocore" in "\n".join(hold.tables((each,), (2,))) for each in measured)


def test_the_page_s_books_are_equal_after_every_scene() -> None:
    with stage.stage(processes=1) as found:
        calm = found.play("calm", 2, beside=3, upstream_s=0.05, seconds=0.2)
        crowded = found.play("crowded", 4, upstream_s=0.3, seconds=0.1, in_flight_max=1)
        throttled = found.play("throttled", 4, upstream_s=0.05, seconds=0.1, units_a_second=4)

    assert calm.is_right
    assert len(calm.page.holds) == 3
    assert crowded.is_right
    assert {refusal.reason for refusal in crowded.tally.refused} == {"in_flight"}
    assert throttled.is_right
    assert any(answer.code == "ThrottlingException" for answer in throttled.tally.answers)
    assert "| 5 |" in hot.latencies([calm])
    assert "in_flight" in crowd.beyond([crowded])


def test_a_governed_call_is_measured_in_all_its_parts() -> None:
    text = "\n".join(call.report(in_flight=(1,), calls=1))

    for part in ("parse", "bound", "price", "hold: ours", "upstream client", "settle: ours", "render", "a call in all"):
        assert f"| {part} |" in text


def test_a_cold_start_ends_with_the_answer_that_its_first_event_should_have() -> None:
    with colds() as found:
        start = found.starts("routes/get_budget", times=1, compiled=False)[0]
        imported = found.imports("routes/get_budget")

    assert start.status == 200
    assert "tollgate.edge.http" in {each.name for each in imported}


def test_every_function_of_the_template_has_a_first_event() -> None:
    settings = a_busy_shop()
    page = page_with(1, settings, day=12, days_kept=1)

    assert set(first_events(settings, page)) == set(function_names())


def test_the_layers_are_measured_as_they_are_built() -> None:
    text = "\n".join(cold.report(only=("streams/export_spans",), times=1))

    assert "| streams/export_spans |" in text
    assert "| EncodingsLayer |" in text


def test_a_span_is_written_once_however_often_it_is_delivered() -> None:
    with local_postgres() as server:
        measured = writer.measure(server, batch=20, spans=50)

    assert (measured.first.added, measured.again.added) == (50, 0)
    assert measured.first.writer_us > 0


def test_the_forecast_is_measured_on_every_history() -> None:
    text = "\n".join(forecast.report(seeds=1, asked_on=(4, 21)))

    assert all(f"| {name} |" in text for name in forecast.HISTORIES)


def test_summaries_are_measured_over_rollups_and_what_they_lack() -> None:
    with summary.server() as url:
        summary.fill(url, 0, 1_000, 3_000)
        summary.fill(url, 1_000, 3_000, 3_000)
        measured = summary.measure(url, 3_000, rounds=1)
        plans = summary.plans(url)

    text = summary.report([measured])
    assert all(f"| {question.name} |" in text for question in summary.QUESTIONS)
    assert all("rollups_by_" in plan and "arrived_in" in plan for plan in plans.values())


def test_what_outcomes_take_is_measured_where_runs_lead_to_jobs() -> None:
    with summary.server() as url:
        outcomes.prepare(url, 100, others=500)
        text = outcomes.report(100, outcomes.measure(url, rounds=1))
        found = outcomes.summary_of("job", url)

    assert "the yardstick" in text
    assert found.outcomes is not None
    assert (found.outcomes.runs, found.outcomes.runs_linked) == (100, 80)
    assert found.outcomes.booked_jobs > 0
    assert any(group.job for group in found.groups)
