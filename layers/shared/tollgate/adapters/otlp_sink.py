"""Spans to an OpenTelemetry collector: OTLP over HTTP, in JSON (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP")."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tollgate import VERSION
from tollgate.adapters.otlp_span import otlp_span
from tollgate.adapters.sink_http import Answer, SinkHttp
from tollgate.domain.place import Place, PlacedSpan
from tollgate.ports import Sent

# "All other 4xx or 5xx response status codes MUST NOT be retried."
LATER = frozenset({
    HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
})  # fmt: skip
# What one bad span can do to a batch: the others go by themselves then.
OF_ONE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})


class OtlpSink:
    """`endpoint`: OTEL_EXPORTER_OTLP_ENDPOINT, to which the path of traces is added. `headers` are read for each request."""

    name = "otlp"

    def __init__(self, endpoint: str, headers: Callable[[], Mapping[str, str]], http: SinkHttp) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._headers = headers
        self._http = http

    def send(self, spans: Sequence[PlacedSpan], *, until: datetime) -> Sent:
        if not spans:
            return Sent(done=())
        answer = self._http.post(self._url, export_request(spans), self._headers, until=until)
        if answer is None or answer.status in LATER:
            return Sent(done=())
        places = [span.place for span in spans]
        if answer.status == HTTPStatus.OK:
            # Never to be sent again, says the specification, and it does not tell which.
            return Sent(done=places, refused=min(len(spans), rejected(answer)))
        if answer.status in OF_ONE and len(spans) > 1:
            middle = len(spans) // 2
            return _both(self.send(spans[:middle], until=until), self.send(spans[middle:], until=until))
        return Sent(done=places, refused=len(spans))


def export_request(spans: Sequence[PlacedSpan]) -> dict[str, Any]:
    """ExportTraceServiceRequest."""
    service = {"key": "service.name", "value": {"stringValue": "tollgate"}}
    scope = {"name": "tollgate", "version": VERSION}
    scoped = {"scope": scope, "spans": [otlp_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [scoped]}]}


def rejected(answer: Answer) -> int:
    """How many spans a success leaves out: a whole number, which JSON carries as a string or as a number."""
    partial = answer.facts().get("partialSuccess")
    count = str(partial.get("rejectedSpans") or "") if isinstance(partial, dict) else ""
    return int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 0


def given_headers(text: str) -> dict[str, str]:
    """OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, the values percent-encoded. What is not of that form is passed over."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value).strip() for name, equals, value in pairs if name.strip() and equals}


def _both(first: Sent, second: Sent) -> Sent:
    done: list[Place] = [*first.done, *second.done]
    return Sent(done=done, refused=first.refused + second.refused)
