"""Spans to Helicone's log, one by one: numbers and labels, never a prompt or an answer, which a span does not have.

The form: docs.helicone.ai/getting-started/integration-method/manual-logger-curl. `meta` is read there as headers.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tollgate.adapters.helicone_headers import call_headers, header_text
from tollgate.adapters.sink_http import SinkHttp
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.money import to_usd
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.placed_call import began_and_ended, hold_of, is_call
from tollgate.domain.span import Attribution, Outcome, clipped
from tollgate.ports import Sent

LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# What the provider answered is not in a span; this is what it comes to.
STATUSES = {Outcome.REJECTED: 400, Outcome.FAILED: 500, Outcome.UNKNOWN: 504, Outcome.LAPSED: 504}


class HeliconeLog:
    """`url`: HELICONE_LOG_URL. Holds that were given back are no calls, and are not told."""

    name = "helicone"

    def __init__(self, url: str, key: Callable[[], str], http: SinkHttp) -> None:
        self._url = url
        self._key = key
        self._http = http

    def send(self, spans: Sequence[PlacedSpan], *, until: datetime) -> Sent:
        """Stops at the first that cannot be taken now: a log that is down is asked once for a batch."""
        done: list[Place] = []
        refused = 0
        for span in spans:
            if is_call(span):
                answer = self._http.post(self._url, log_entry(span), self._headers, until=until)
                if answer is None or answer.status in LATER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
                refused += answer.status >= HTTPStatus.MULTIPLE_CHOICES
            done.append(span.place)
        return Sent(done=done, refused=refused)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key().strip()}"}


def log_entry(placed: PlacedSpan) -> dict[str, Any]:
    """`messages` and `choices` are empty, and stay so."""
    span = placed.span
    began, ended = began_and_ended(placed)
    usage = {
        "prompt_tokens": placed.input_tokens,
        "completion_tokens": span.output,
        "total_tokens": placed.input_tokens + span.output,
        "prompt_tokens_details": {"cached_tokens": span.cached, "cache_write_tokens": span.written},
        "completion_tokens_details": {"reasoning_tokens": span.reasoning},
    }
    return {
        "providerRequest": {
            "url": "custom-model-nopath",
            "json": {"model": span.requested_model or span.model, "messages": []},
            "meta": _meta(placed),
        },
        "providerResponse": {
            "status": STATUSES.get(span.outcome, 200),
            "headers": {},
            "json": {"model": span.model, "choices": [], "usage": usage},
        },
        "timing": {
            "startTime": _moment(began),
            "endTime": _moment(ended),
        },
    }


def _meta(placed: PlacedSpan) -> dict[str, str]:
    span = placed.span
    # What the stream brings was checked by whoever wrote it, and one bad label must not stop the others.
    attribution = Attribution(
        agent=clipped(span.agent),
        run_id=clipped(span.run_id),
        job_id=clipped(span.job_id),
        booking_id=clipped(span.booking_id),
        call_id=clipped(span.call_id),
    )
    labels = CallLabels(
        tenant_id=placed.place.tenant_id,
        hold_id=hold_of(placed),
        attribution=attribution,
        request_id=clipped(span.request_id),
    )
    own = {
        "Helicone-Property-Outcome": span.outcome.value,
        "Helicone-Property-Cost-Usd": f"{to_usd(span.cost_nanousd):f}",
        "Helicone-Property-Downgrade-Reason": span.downgrade_reason,
        "Helicone-Property-Error": span.error_code,
    }
    return call_headers(labels) | {name: header_text(value) for name, value in own.items() if value is not None}


def _moment(nanoseconds: int) -> dict[str, int]:
    milliseconds = nanoseconds // 1_000_000
    return {"seconds": milliseconds // 1000, "milliseconds": milliseconds % 1000}
