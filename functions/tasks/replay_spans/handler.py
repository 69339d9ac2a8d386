"""Run by `make replay`: tries records of the ledger's stream again that were put aside (infra/runbooks/replay.md)."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.adapters.ledger_stream import delivery_of
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.replay_spans import replay_spans


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    """`faults`: for each record that still cannot be stored its number in the event, the name that it is put aside by, and why."""
    deliveries = [delivery_of(record) for record in event["Records"]]
    replayed = replay_spans(deliveries, spans=wiring.spans())
    metrics.add_metric(name="SpansReplayed", unit=MetricUnit.Count, value=replayed.added)
    faults = [
        {"number": number, "name": deliveries[number].name, "fault": fault}
        for number, fault in sorted(replayed.faults.items())
    ]
    return {"added": replayed.added, "repeated": replayed.repeated, "faults": faults}
