"""Alarms, what to do about each, and the dashboard."""

import json
import re
from typing import Any

import pytest

from tests.infra.production import of_kind, production, references
from tests.infra.template import ROOT, functions, handler, resources, template
from tollgate.domain.span import Outcome

ALARMS = resources("AWS::CloudWatch::Alarm")
EACH_ALARM = pytest.mark.parametrize("name", sorted(ALARMS))
RUNBOOK = ROOT / "infra" / "runbooks" / "alarms.md"
# Which alarm says that a schedule does not run.
WATCHED_SCHEDULES = {
    "SweepHolds": "SweepMissingAlarm",
    "RollUpSpend": "RollUpMissingAlarm",
    "ExpirePages": "PagesNotExpiredAlarm",
    "ReconcileBooks": "BooksNotComparedAlarm",
    "RefreshModels": "ModelsNotRefreshedAlarm",
    "SyncServiceTitan": "SyncsBehindAlarm",
    "FetchOpenAiBill": "BillNotFetchedAlarm",
}


def section_of(alarm: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", alarm.removesuffix("Alarm")).lower()


def sections() -> dict[str, str]:
    """Anchor -> text, as GitHub makes anchors of headings."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        heading.lower().replace(" ", "-"): text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def own_metrics(value: object) -> set[str]:
    """Those of our namespace, by their names."""
    match value:
        case {"Namespace": {"Fn::Sub": "Tollgate/${Environment}"}, "MetricName": str(name)}:
            return {name}
        case dict():
            return set().union(*map(own_metrics, value.values())) if value else set()
        case list():
            return set().union(*map(own_metrics, value)) if value else set()
    return set()


def emitted() -> str:
    """Everything that may name a metric: the code that runs in functions."""
    folders = (ROOT / "functions", ROOT / "layers" / "shared" / "tollgate")
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))


def is_emitted(name: str) -> bool:
    if name in {f"Calls{outcome.title()}" for outcome in Outcome}:
        return 'f"Calls{call.outcome.title()}"' in emitted()
    return f'"{name}"' in emitted()


@EACH_ALARM
def test_each_alarm_says_what_it_means_and_names_its_section_of_the_runbook(name: str) -> None:
    text = ALARMS[name]["AlarmDescription"]
    meaning, _, anchor = text.partition("infra/runbooks/alarms.md#")

    assert len(meaning) > 40
    assert len(text) <= 1024, "CloudWatch takes no more"
    assert anchor == section_of(name)
    assert len(sections()[anchor]) > 60


def test_the_runbook_has_no_section_of_an_alarm_that_is_gone() -> None:
    assert sections().keys() == {section_of(name) for name in ALARMS}


def test_the_runbook_links_to_pages_that_are_there() -> None:
    links = re.findall(r"\]\(([a-z.]+\.md)\)", RUNBOOK.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if not (RUNBOOK.parent / link).is_file()] == []


@EACH_ALARM
def test_each_alarm_goes_to_the_topic_where_there_is_one(name: str) -> None:
    assert ALARMS[name]["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }
    assert ALARMS[name]["TreatMissingData"] in {"breaching", "notBreaching"}


@EACH_ALARM
def test_each_alarm_watches_metrics_that_something_emits(name: str) -> None:
    alarm = ALARMS[name]
    own = own_metrics(alarm)

    assert [metric for metric in own if not is_emitted(metric)] == []
    assert own or "AWS/" in str(alarm)
    for metric in alarm.get("Metrics", []):
        for each in metric.get("Fn::If", ["", metric])[1:2]:
            assert ("Expression" in each) != ("MetricStat" in each)


@EACH_ALARM
def test_no_alarm_computes_with_more_than_ten_metrics(name: str) -> None:
    assert len([each for each in ALARMS[name].get("Metrics", []) if "Expression" not in each]) <= 10


def test_alarms_that_compute_can_be_left_out_where_there_are_none() -> None:
    computed = {name for name, alarm in ALARMS.items() if "Metrics" in alarm}
    conditions = {name: template()["Resources"][name].get("Condition") for name in ALARMS}

    assert {name for name, condition in conditions.items() if condition == "HasComputedAlarms"} == computed
    assert template()["Parameters"]["ComputedAlarms"]["Default"] == "true"


def test_there_is_an_alarm_for_each_schedule_that_does_not_run() -> None:
    schedules = {
        name
        for name, function in functions().items()
        if any(event["Type"] == "ScheduleV2" for event in function.get("Events", {}).values())
    }

    assert WATCHED_SCHEDULES.keys() == schedules
    for function, alarm in WATCHED_SCHEDULES.items():
        assert ALARMS[alarm]["TreatMissingData"] == "breaching"
        condition = template()["Resources"][function].get("Condition")
        assert template()["Resources"][alarm].get("Condition") in {condition, "HasComputedAlarms"}
        watched = set(references(ALARMS[alarm])) & {function}
        own = own_metrics(ALARMS[alarm])
        source = handler(functions()[function]).read_text(encoding="utf-8")
        compared = handler(functions()["CompareBooks"]).read_text(encoding="utf-8")
        assert watched or all(f'"{metric}"' in source + compared for metric in own)


def test_near_its_time_limit_is_measured_by_the_limit_that_each_function_has() -> None:
    alarm = ALARMS["NearTimeLimitAlarm"]
    divisors = dict(re.findall(r"FILL\((\w+), 0\) / (\d+)", alarm["Metrics"][0]["Expression"]))
    watched = {
        each["Id"]: each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"] for each in alarm["Metrics"][1:]
    }

    assert divisors.keys() == watched.keys()
    for metric, function in watched.items():
        # Milliseconds of the limit, over a hundred for the percentage.
        assert int(divisors[metric]) == functions()[function]["Timeout"] * 10
    chat = ALARMS["ChatNearTimeLimitAlarm"]["Metrics"][0]["Expression"]
    assert chat == {"Fn::Sub": "p99 / (10 * ${ChatTimeoutSeconds})"}
    assert functions()["CreateChatCompletion"]["Timeout"] == {"Ref": "ChatTimeoutSeconds"}


def test_the_streams_writer_is_watched_for_failures_age_and_what_it_puts_aside() -> None:
    mapping = production()["WriteSpansLedger"]["Properties"]

    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}, "else nothing counts what Lambda puts aside"
    assert {"Name": "FunctionName", "Value": {"Ref": "WriteSpans"}} in ALARMS["WriterFailingAlarm"]["Dimensions"]
    assert ALARMS["SpansLateAlarm"]["MetricName"] == "IteratorAge"
    aside = str(ALARMS["SpansPutAsideAlarm"]["Metrics"])
    assert all(
        name in aside for name in ("SpansPoisoned", "OnFailureDestinationDeliveredEventCount", "DroppedEventCount")
    )
    assert set(references(ALARMS["SpansPutAsideAlarm"])) >= {"WriteSpansLedger"}


# ---- the dashboard ----------------------------------------------------------------------------------------------------------


def dashboard() -> list[dict[str, Any]]:
    body = production()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return list(json.loads(body)["widgets"])


def test_the_dashboard_is_json_whose_names_are_there() -> None:
    body = production()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    outputs = {f"State.Outputs.{name}" for name in template("infra/state.yaml")["Outputs"]}
    known = {*production(), *template()["Parameters"], *outputs, "AWS::Region"}

    assert set(re.findall(r"\$\{([^}]+)\}", body)) <= known
    assert {widget["type"] for widget in dashboard()} == {"metric"}


def test_the_dashboard_shows_only_what_something_emits() -> None:
    metrics = [metric for widget in dashboard() for metric in widget["properties"]["metrics"]]
    own = {metric[1] for metric in metrics if metric[0] == "Tollgate/${Environment}"}
    searched = set(
        re.findall(
            r'MetricName="(\w+)"',
            " ".join(str(each[0].get("expression")) for each in metrics if isinstance(each[0], dict)),
        )
    )

    assert searched == {"CallsRefused", "CallsDowngraded"}
    assert [name for name in own | searched if not is_emitted(name)] == []
    assert own >= {
        "CallsMade",
        "CallOverhead",
        "CallHeldUsd",
        "HoldsLapsed",
        "BreakersOpen",
        "BooksDrifting",
        "SpanLag",
        "ServiceTitanSyncLag",
    }


def test_widgets_do_not_lie_on_each_other() -> None:
    places = {(widget["x"], widget["y"]) for widget in dashboard()}

    assert len(places) == len(dashboard())
    assert all(widget["x"] + widget["width"] <= 24 for widget in dashboard())


def test_no_metric_of_ours_has_the_tenant_for_a_dimension() -> None:
    dimensions = set(re.findall(r"add_dimension\(name=\"(\w+)\"", emitted()))

    assert dimensions == {"reason"}
    for alarm in of_kind(production(), "AWS::CloudWatch::Alarm").values():
        assert "tenant" not in str(alarm["Properties"].get("Dimensions", "")).lower()
