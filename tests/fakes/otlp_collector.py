"""An OpenTelemetry collector's receiver of traces: OTLP over HTTP in JSON, as strict as proto3's JSON and the specification are."""

import re
from typing import Any

from tests.fakes.http_server import Received, Reply, Server, json_reply

PATH = "/v1/traces"
SPAN = {"traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}
HEX = {"traceId": re.compile(r"[0-9a-f]{32}"), "spanId": re.compile(r"[0-9a-f]{16}")}
VALUES = {"stringValue": str, "intValue": str, "doubleValue": float}
UINT64_MAX = 2**64 - 1


class Collector:
    """`kept`: by trace and span id, each as (span, its attributes by name). A span that is `refused` fails its whole request."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self.requests: list[int] = []
        self.refused_names: set[str] = set()
        self.server = Server(self.keep)

    def keep(self, received: Received) -> Reply:
        if received.path != PATH or received.headers.get("content-type") != "application/json":
            return json_reply({"code": 5, "message": "not found"}, status=404)
        spans = [
            span
            for resource in received.body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
        self.requests.append(len(spans))
        if any(span["name"] in self.refused_names or not is_span(span) for span in spans):
            return json_reply({"code": 3, "message": "bad span"}, status=400)
        for span in spans:
            named = {each["key"]: _value(each["value"]) for each in span["attributes"]}
            self.kept[span["traceId"], span["spanId"]] = span, named
        return json_reply({"partialSuccess": {}})


def is_span(span: dict[str, Any]) -> bool:
    times = [span["startTimeUnixNano"], span["endTimeUnixNano"]]
    return (
        span.keys() <= SPAN
        and all(pattern.fullmatch(span[name]) and set(span[name]) != {"0"} for name, pattern in HEX.items())
        and isinstance(span["kind"], int)
        and all(isinstance(time, str) and time.isdigit() and int(time) <= UINT64_MAX for time in times)
        and all(_is_attribute(each) for each in span["attributes"])
    )


def _is_attribute(each: dict[str, Any]) -> bool:
    ((kind, value),) = each["value"].items()
    return each.keys() == {"key", "value"} and kind in VALUES and isinstance(value, VALUES[kind])


def _value(value: dict[str, Any]) -> Any:
    ((kind, held),) = value.items()
    return int(held) if kind == "intValue" else held
