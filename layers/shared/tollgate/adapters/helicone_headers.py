"""A call in Helicone's header names (docs.helicone.ai/helicone-headers/header-directory), which its log takes as `meta` too."""

from urllib.parse import quote

from tollgate.domain.call_labels import CallLabels

# All of ASCII that a header carries as it is, but for the percent sign that marks what was encoded.
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def call_headers(labels: CallLabels) -> dict[str, str]:
    """Who is asking, and nothing of what. The request id is drawn from the hold, so a call told twice is one call."""
    mine = labels.attribution
    named = {
        "Helicone-Request-Id": str(labels.call_uuid),
        "Helicone-User-Id": labels.tenant_id,
        "Helicone-Session-Id": mine.run_id,
        "Helicone-Session-Name": mine.agent if mine.run_id else None,
        "Helicone-Property-Tenant": labels.tenant_id,
        "Helicone-Property-Hold": labels.hold_id,
        "Helicone-Property-Request": labels.request_id,
        "Helicone-Property-Agent": mine.agent,
        "Helicone-Property-Run": mine.run_id,
        "Helicone-Property-Job": mine.job_id,
        "Helicone-Property-Booking": mine.booking_id,
        "Helicone-Property-Call": mine.call_id,
    }
    return {name: header_text(value) for name, value in named.items() if value is not None}


def header_text(words: str) -> str:
    """What a header can carry: anything beyond printable ASCII is percent-encoded. A label that could not be sent would break its call."""
    return quote(words, safe=PLAIN).strip()
