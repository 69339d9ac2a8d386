"""The ledger's stream: spans into Postgres."""

from collections.abc import Sequence

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.adapters.ledger_stream import deliveries
from tollgate.edge.streams import Record, streamed
from tollgate.observability import logger, metrics
from tollgate.usecases.write_spans import write_spans


@streamed
def handle(records: Sequence[Record]) -> None:
    written = write_spans(deliveries(records), spans=wiring.spans(), poison=wiring.poison())
    metrics.add_metric(name="SpansWritten", unit=MetricUnit.Count, value=written.added)
    metrics.add_metric(name="SpansPoisoned", unit=MetricUnit.Count, value=written.poisoned)
    if written.oldest_at is not None:
        lag_s = (wiring.clock() - written.oldest_at).total_seconds()
        metrics.add_metric(name="SpanLag", unit=MetricUnit.Milliseconds, value=max(0, round(lag_s * 1000)))
    if written.poisoned:
        logger.error("spans could not be stored and were put aside", extra={"poisoned": written.poisoned})
