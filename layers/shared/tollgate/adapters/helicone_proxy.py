"""Calls by way of Helicone's proxy, and straight to the provider for a while after it failed.

A proxy adds a way to lose money: what it was sent it may have sent on, and the provider bills that. So a call is made again,
directly, only where nothing can have left: no connection to the proxy was made. Any other answer that is not the provider's own
settles like a broken call, and the next calls go directly. LEDGER.md, "How the outcome of the upstream call settles".
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.helicone_headers import call_headers
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.outcome import Declined, NotSent, Unclear, UpstreamResult
from tollgate.ports import Listener, Upstream

# TCP may take this long, and then TLS; a name server is not bounded by it.
CONNECT_TIMEOUT_S = 1.0
# For how long this environment then leaves the proxy alone.
AVOIDED_SECONDS = 60.0


class HeliconeProxy:
    """An Upstream. `proxied` asks the proxy, `direct` the provider; `count` is told `HeliconeFailed` for each failure of the proxy, and
    `HeliconeBypassed` for each call that did not go through it."""

    def __init__(
        self,
        *,
        proxied: Upstream,
        direct: Upstream,
        count: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxied = proxied
        self._direct = direct
        self._count = count
        self._clock = clock
        self._avoided_until: float | None = None

    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        began = self._clock()
        if self._avoided_until is None or began >= self._avoided_until:
            result = self._by_proxy(request, path, labels, timeout_s, listener)
            # What we could not send for a reason of our own says nothing of the proxy, and would not go directly either.
            if not isinstance(result, NotSent) or result.ours:
                return result
        self._count("HeliconeBypassed")
        rest = self._rest(began, timeout_s)
        return self._direct.complete(request, path=path, labels=labels, timeout_s=rest, listener=listener)

    def _by_proxy(
        self,
        request: Mapping[str, Any],
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None,
    ) -> UpstreamResult:
        try:
            result = _own_word(
                self._proxied.complete(request, path=path, labels=labels, timeout_s=timeout_s, listener=listener)
            )
        except (BotoCoreError, ClientError) as error:
            # Helicone's key cannot be read, which happens before anything is sent.
            result = NotSent(message=type(error).__name__)
        if isinstance(result, Unclear) or (isinstance(result, NotSent) and not result.ours):
            self._avoided_until = self._clock() + AVOIDED_SECONDS
            self._count("HeliconeFailed")
        return result

    def _rest(self, began: float, timeout_s: float) -> float:
        return max(0.1, timeout_s - (self._clock() - began))


def _own_word(result: UpstreamResult) -> UpstreamResult:
    """Each answer of the provider's has its request id, and the proxy hands it on. One without is the proxy's own, and says nothing of
    what the provider did. The code of what is unclear says that a proxy stood between; where nothing came, it may be either's fault."""
    if isinstance(result, Unclear):
        return replace(result, code=f"proxy_{result.code}", of_proxy=result.signed is False)
    if isinstance(result, Declined) and "x-request-id" not in {name.lower() for name in result.headers}:
        return Unclear(
            message=f"A {result.status} came back that is not the provider's own.",
            code=f"proxy_status_{result.status}",
            signed=False,
            of_proxy=True,
        )
    return result


def proxy_headers(read_key: Callable[[], str]) -> Callable[[CallLabels], dict[str, str]]:
    """What the proxy is sent with a call, besides what the provider is. The key is read for each, so that a rotated one is taken up."""

    def headers(labels: CallLabels) -> dict[str, str]:
        return {"Helicone-Auth": f"Bearer {read_key().strip()}"} | call_headers(labels)

    return headers
