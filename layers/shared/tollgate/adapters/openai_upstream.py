"""OpenAI by its own SDK, with no retries of the SDK's: a repeated call is a second bill."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.openai_events import tier_of, usage_chunk
from tollgate.adapters.openai_usage import usage_of
from tollgate.adapters.project_keys import ProjectKey, ProjectKeyUnusable
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult
from tollgate.ports import Listener

T = TypeVar("T")
CONNECT_TIMEOUT_S = 5.0
# Each route of the provider's: the SDK's resource, which it imports at its first use, and what its `create` insists on being given.
ROUTES: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "chat/completions": (attrgetter("chat.completions"), {"model": "", "messages": []}),
    "responses": (attrgetter("responses"), {}),
    "embeddings": (attrgetter("embeddings"), {"model": "", "input": ""}),
}
# Of tenants with projects of their own, and of rotated keys: beyond that they are made anew.
KEYS_MAX = 200
PASSED_HEADERS = ("x-request-id", "openai-processing-ms", "openai-version", "retry-after", "retry-after-ms")


class OpenAiUpstream:
    """Keys are asked for at each call, so that a rotated one is taken up: `project_key` where the tenant has an OpenAI project of its
    own, else `api_key`. The SDK is imported at the first call (0.5 s of CPU)."""

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        *,
        headers: Callable[[CallLabels], Mapping[str, str]] = lambda _: {},
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        project_key: ProjectKey | None = None,
    ) -> None:
        """`headers`: what else goes with a call, where `base_url` is a proxy's."""
        self._base_url = base_url
        self._api_key = api_key
        self._headers = headers
        self._connect_timeout_s = connect_timeout_s
        self._project_key = project_key
        self._client: Any = None
        self._by_key: dict[str, Any] = {}

    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        import openai

        ends = time.monotonic() + timeout_s
        try:
            client = self._ready_client(self._key_for(labels))
        except (BotoCoreError, ClientError) as error:
            return NotSent(message=f"The key for the provider could not be read ({type(error).__name__}).", ours=True)
        except ProjectKeyUnusable as error:
            return NotSent(message=str(error), ours=True)
        try:
            timeout, headers = _timeout(timeout_s, self._connect_timeout_s), self._headers(labels)
            call = _call(client, path, request, timeout=timeout, extra_headers=headers)
            return _read_stream(call, ends, listener) if request.get("stream") else _read_body(call, ends)
        except openai.APIStatusError as error:
            return _declined(error)
        except openai.APIConnectionError as error:
            return _broken(error)
        except (TypeError, ValueError) as error:
            # The SDK's own trouble with a request or an answer: nobody can say whether it was sent.
            return Unclear(message=f"The call broke in the client ({type(error).__name__}).", code="client_error")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _key_for(self, labels: CallLabels) -> str:
        """Never another's: the shared key would bill a tenant's own calls to everybody."""
        if labels.openai_project is None:
            return self._api_key()
        if self._project_key is None:
            raise ProjectKeyUnusable("No keys of OpenAI projects can be read here.")
        return self._project_key(labels.tenant_id, labels.openai_project)

    def _ready_client(self, key: str) -> Any:
        """The same one for every call with a key: a copy for each, as `with_options` makes it, takes as long as the call itself. All share
        their connections. No redirects, which the SDK would follow: prompts and keys go to the address that was set, and nowhere else."""
        import openai

        if self._client is None:
            http = openai.DefaultHttpx2Client(follow_redirects=False)
            self._client = openai.OpenAI(base_url=self._base_url, api_key=key, max_retries=0, http_client=http)
            self._by_key[key] = self._client
        if key not in self._by_key:
            if len(self._by_key) >= KEYS_MAX:
                self._by_key.clear()
            self._by_key[key] = self._client.with_options(api_key=key)
        return self._by_key[key]


def _timeout(seconds: float, connect_seconds: float) -> Any:
    import openai

    return openai.Timeout(seconds, connect=min(connect_seconds, seconds))


def _call(client: Any, path: str, request: Mapping[str, Any], **options: Any) -> Any:
    """Everything goes in `extra_body`, which is laid over what `create` is given: the SDK's own parameters would drop or refuse what it
    does not know, and it walks each of them by its types, which of a long conversation takes as long as the call."""
    resource, insisted_on = ROUTES[path]
    return resource(client).with_streaming_response.create(**insisted_on, extra_body=request, **options)


def _read_body(call: Any, ends: float) -> UpstreamResult:
    """Piece by piece: the SDK's time limit is that of each read, and a body that drips would outlive the function."""
    import httpx2

    headers: Mapping[str, str] = {}
    try:
        with call as answer:
            headers = dict(answer.headers)
            return _answered(b"".join(_in_time(answer.iter_bytes(), ends)), headers)
    except TimeoutError:
        return _too_slow(headers)
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        message = f"The provider's answer broke off ({type(error).__name__})."
        return Unclear(message=message, code="connection_broken", signed=_is_signed(headers))


def _in_time(pieces: Iterable[T], ends: float) -> Iterator[T]:
    """Raises TimeoutError when the time is up, however steadily they come."""
    for piece in pieces:
        if time.monotonic() > ends:
            raise TimeoutError
        yield piece


def _too_slow(headers: Mapping[str, str]) -> Unclear:
    return Unclear(message="The provider's answer did not end in time.", code="timeout", signed=_is_signed(headers))


def _is_signed(headers: Mapping[str, str]) -> bool | None:
    """Whether what came has the provider's request id; None where nothing came."""
    return "x-request-id" in {name.lower() for name in headers} if headers else None


def _answered(content: bytes, headers: Mapping[str, str]) -> UpstreamResult:
    try:
        body = json.loads(content)
        usage = usage_of(body["usage"])
    except (ValueError, KeyError, TypeError):
        message = "The provider's answer could not be read."
        return Unclear(message=message, code="unreadable_answer", signed=_is_signed(headers))
    return Answered(
        body=body,
        usage=usage,
        tier=body.get("service_tier") or "default",
        upstream_id=headers.get("x-request-id") or body.get("id"),
        headers=_passed(headers),
    )


def _read_stream(call: Any, ends: float, listener: Listener | None) -> UpstreamResult:
    """Reads a stream to its end, whoever listens: only its last chunk says what it cost."""
    import httpx2
    import openai

    chunks: list[dict[str, Any]] = []
    headers: Mapping[str, str] = {}
    try:
        with call as answer:
            headers = dict(answer.headers)
            if listener is not None:
                listener.begin(_passed(headers))
            for line in _in_time(answer.iter_lines(), ends):
                if _has_chunk(line):
                    chunks.append(json.loads(line[5:]))
                    if listener is not None:
                        listener.hear(chunks[-1])
    except TimeoutError:
        return _too_slow(headers)
    except (openai.APIConnectionError, openai.APIStatusError):
        if not chunks:
            raise
        return _stream_cut("The provider's stream broke off.", headers)
    except (httpx2.HTTPError, httpx2.StreamError, ValueError) as error:
        return _stream_cut(f"The provider's stream broke off ({type(error).__name__}).", headers)
    return _streamed(chunks, headers)


def _stream_cut(message: str, headers: Mapping[str, str]) -> Unclear:
    return Unclear(message=message, code="stream_cut", signed=_is_signed(headers))


def _has_chunk(line: str) -> bool:
    return line.startswith("data:") and line[5:].strip() != "[DONE]"


def _streamed(chunks: list[dict[str, Any]], headers: Mapping[str, str]) -> UpstreamResult:
    last = usage_chunk(chunks)
    if last is None:
        message = "The provider's stream ended without its usage."
        return Unclear(message=message, code="stream_without_usage", signed=_is_signed(headers))
    try:
        usage = usage_of(last["usage"])
    except (ValueError, KeyError, TypeError):
        message = "The provider's usage could not be read."
        return Unclear(message=message, code="unreadable_answer", signed=_is_signed(headers))
    return Answered(
        body={"chunks": chunks},
        usage=usage,
        tier=tier_of(chunks),
        upstream_id=headers.get("x-request-id") or last.get("id"),
        headers=_passed(headers),
    )


def _declined(error: Any) -> UpstreamResult:
    """Only the provider's own envelope says that nothing was billed; a proxy's page in between says nothing."""
    status, headers = error.status_code, error.response.headers
    try:
        body = json.loads(error.response.content)
    except (ValueError, RuntimeError):
        body = None
    envelope = body.get("error") if isinstance(body, dict) else None
    if not isinstance(envelope, dict) or (status >= 500 and not headers.get("x-request-id")):
        message = f"A {status} came back that is not the provider's own."
        return Unclear(message=message, code=f"status_{status}", signed=_is_signed(headers))
    return Declined(
        status=status,
        body=body,
        message=str(envelope.get("message") or "The provider refused the call."),
        code=envelope.get("code") or envelope.get("type"),
        headers=_passed(headers),
    )


def _broken(error: Any) -> UpstreamResult:
    """Whether the request had left decides what is booked: a failed connect sends nothing, anything later may be billed."""
    import openai

    cause = error.__cause__
    name = type(cause).__name__ if cause is not None else type(error).__name__
    if name in ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"):
        return NotSent(message=name)
    code = "timeout" if isinstance(error, openai.APITimeoutError) else "connection_broken"
    return Unclear(message=f"The provider's answer did not come ({name}).", code=code)


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() in PASSED_HEADERS or name.lower().startswith("x-ratelimit-")
    }
