"""The ledger's stream: spans to Helicone's log and to an OpenTelemetry collector."""

from collections.abc import Sequence
from datetime import timedelta

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.adapters.ledger_stream import deliveries
from tollgate.edge.streams import Record, streamed_in_part
from tollgate.observability import logger, metrics
from tollgate.usecases.export_spans import Delivered, export_spans

# Nothing is begun after it; what is under way then may take as long as a sink's answer may (10 s) before the function's time ends.
TIME_TO_EXPORT = timedelta(seconds=40)

delivered = Delivered()


@streamed_in_part
def handle(records: Sequence[Record]) -> Sequence[Record]:
    exported = export_spans(deliveries(records), wiring.span_sinks(), delivered, until=wiring.clock() + TIME_TO_EXPORT)
    metrics.add_metric(name="SpansExported", unit=MetricUnit.Count, value=exported.sent)
    metrics.add_metric(name="SpansRefusedBySink", unit=MetricUnit.Count, value=exported.refused)
    metrics.add_metric(name="SpansLeftBySink", unit=MetricUnit.Count, value=len(exported.left))
    if exported.refused:
        logger.error(
            "a sink will not have these spans; the ledger and Postgres do", extra={"refused": exported.refused}
        )
    # The earliest decides from where the stream comes again, so naming it is naming all.
    return [delivery.record for delivery in exported.left[:1]]
