"""The local OpenAI, as its clients see it: over HTTP, with OpenAI's own SDK."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import openai
import pytest
import tiktoken
from pydantic import BaseModel

from infra.local.openai_server import dispatcher
from infra.local.openai_server.image import Patches, Tiles
from infra.local.openai_server.tokens import prepare_tables

ROOT = Path(__file__).resolve().parents[2]
KEY = {"authorization": "Bearer sk-test"}
BOOK_JOB = {
    "type": "function",
    "function": {
        "name": "book_job",
        "description": "Books a job.",
        "parameters": {
            "type": "object",
            "properties": {"customer": {"type": "string"}, "window": {"type": "string", "enum": ["am", "pm"]}},
            "required": ["customer", "window"],
        },
    },
}


@dataclass
class Server:
    port: int
    state: Path
    process: subprocess.Popen[bytes]
    http: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        return self.http.get(f"/_local/{path}").json()

    def served(self, since: int = 0) -> list[dict[str, Any]]:
        return self.get(f"served?since={since}")["served"]

    def served_in_time(self, count: int, since: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 3
        while len(served := self.served(since)) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return served

    def fault(self, kind: str, **more: Any) -> None:
        self.http.post("/_local/faults", json={"kind": kind, **more}).raise_for_status()

    def chat(self, body: dict[str, Any]) -> httpx.Response:
        return self.http.post("/v1/chat/completions", json=body, headers=KEY)


def start(state: Path) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "OPENAI_PORT": str(port), "TOLLGATE_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "infra.local.openai_server"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    # Nothing here is encrypted, and loading certificates would take longer than most tests.
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False, timeout=10)
    server = Server(port, state, process, http)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            server.get("health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return server
    stop(server, signal.SIGKILL)
    pytest.fail("the local OpenAI did not start")


def stop(server: Server, how: signal.Signals = signal.SIGTERM) -> None:
    server.http.close()
    server.process.send_signal(how)
    server.process.wait(10)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    prepare_tables(folder)
    return folder


@pytest.fixture(scope="module")
def running(state: Path) -> Iterator[Server]:
    server = start(state)
    yield server
    stop(server)


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    running.http.delete("/_local/faults")
    running.http.delete("/_local/behaviour")


@pytest.fixture(scope="module")
def client(running: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="sk-test", max_retries=0, timeout=5) as client:
        yield client


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def tokens(text: str) -> int:
    return len(tiktoken.get_encoding("o200k_base").encode(text))


def test_an_ordinary_call_is_counted_by_tiktoken_and_billed_once(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]
    messages = [{"role": "system", "content": "You dispatch."}, {"role": "user", "content": "No heat at 12 Oak."}]

    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=messages, metadata={"jobId": "7"}, user="tenant-1"
    )

    answer = raw.parse()
    usage = answer.usage
    expected = sum(3 + tokens(m["role"]) + tokens(m["content"]) for m in messages) + 3
    assert (usage.prompt_tokens, usage.completion_tokens) == (expected, tokens(answer.choices[0].message.content))
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert answer.model == "gpt-4o-2024-08-06"
    assert answer.service_tier == "default"
    assert answer.choices[0].finish_reason == "stop"
    [bill] = server.served(since=before)
    assert (bill["n"], bill["id"], bill["model"], bill["outcome"]) == (before + 1, answer.id, "gpt-4o", "served")
    assert (bill["metadata"], bill["user"], bill["usage"]) == ({"jobId": "7"}, "tenant-1", usage.to_dict())
    assert bill["requestId"] == raw.headers["x-request-id"]
    for name in ("openai-processing-ms", "openai-version", "openai-organization", "x-ratelimit-remaining-tokens"):
        assert name in raw.headers


def test_the_same_messages_get_the_same_answer(client: openai.OpenAI) -> None:
    answers = {
        client.chat.completions.create(model="gpt-4o", messages=says("Is Luis free?")).choices[0].message.content
        for _ in range(3)
    }

    assert len(answers) == 1


@pytest.mark.parametrize(
    ("key", "code"), [(None, None), ("Bearer", None), ("Bearer hello", "invalid_api_key"), ("Basic sk-1", None)]
)
def test_a_call_without_a_key_is_refused(server: Server, key: str | None, code: str | None) -> None:
    headers = {} if key is None else {"authorization": key}

    answer = server.http.post("/v1/chat/completions", json={}, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "gpt-3.5-turbo"}, 404, "model_not_found"),
        ({"model": None}, 400, None),
        ({"messages": []}, 400, "empty_array"),
        ({"messages": None}, 400, "missing_required_parameter"),
        ({"messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, 400, None),
        ({"model": "gpt-5", "max_tokens": 9}, 400, "unsupported_parameter"),
        ({"model": "gpt-6-luna", "max_tokens": 9}, 400, "unsupported_parameter"),
        ({"model": "o3", "max_tokens": 9}, 400, "unsupported_parameter"),
        ({"max_tokens": 16_385}, 400, "invalid_value"),
        ({"max_tokens": "9"}, 400, "invalid_type"),
        ({"n": 0}, 400, "integer_below_min_value"),
        ({"n": 129}, 400, "integer_above_max_value"),
        ({"temperature": 2.5}, 400, "decimal_above_max_value"),
        ({"model": "gpt-6-luna", "temperature": 0.2}, 400, "unsupported_value"),
        ({"model": "gpt-6-luna", "tools": [BOOK_JOB]}, 400, None),
        ({"model": "gpt-6-astra", "reasoning_effort": "none"}, 400, "unsupported_value"),
        ({"model": "gpt-6.1-sol", "tools": [BOOK_JOB]}, 400, "unsupported_parameter"),
        ({"stream_options": {"include_usage": True}}, 400, None),
        ({"tool_choice": "required"}, 400, None),
        ({"response_format": {"type": "json_object"}}, 400, None),
        ({"service_tier": "flex"}, 400, None),
        ({"service_tier": "cheap"}, 400, "invalid_value"),
        ({"frobnicate": 1}, 400, "unknown_parameter"),
        ({"messages": [{"role": "user", "content": "word " * 130_000}]}, 400, "context_length_exceeded"),
    ],
)
def test_what_openai_refuses_is_refused_and_not_billed(
    server: Server, change: dict[str, Any], status: int, code: str | None
) -> None:
    before = server.get("health")["served"]

    answer = server.chat({"model": "gpt-4o", "messages": says("x"), **change})

    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code
    assert server.served(since=before) == []


@pytest.mark.parametrize(
    ("asked", "model", "told"),
    [
        (None, "gpt-4o", "default"),
        ("auto", "gpt-4o", "default"),
        ("default", "gpt-4o", "default"),
        ("priority", "gpt-4o", "priority"),
        ("flex", "gpt-5", "flex"),
        ("fast", "gpt-5", "priority"),
        ("fast", "gpt-6-luna", "fast"),
    ],
)
def test_the_tier_that_served_is_told(server: Server, asked: str | None, model: str, told: str) -> None:
    answer = server.chat({"model": model, "messages": says("x"), "service_tier": asked})

    assert answer.json()["service_tier"] == told


def test_a_stream_tells_its_usage_and_is_billed_by_it(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]

    stream = client.chat.completions.create(
        model="gpt-4o", messages=says("Where is Dana?"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == tokens(text)
    assert chunks[-2].choices[0].finish_reason == "stop"
    [bill] = server.served(since=before)
    assert (bill["usage"], bill["stream"], bill["outcome"]) == (chunks[-1].usage.to_dict(), True, "served")


def test_a_stream_says_the_same_as_a_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="gpt-4o", messages=says("And Rosa?"), n=2)

    stream = list(client.chat.completions.create(model="gpt-4o", messages=says("And Rosa?"), n=2, stream=True))

    for choice in whole.choices:
        parts = [c.choices[0].delta.content or "" for c in stream if c.choices[0].index == choice.index]
        assert "".join(parts) == choice.message.content


def test_a_stream_is_made_of_sse_frames_and_has_no_usage_unless_asked(server: Server) -> None:
    answer = server.chat({"model": "gpt-4o", "messages": says("x"), "stream": True})

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *frames, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all("usage" not in json.loads(frame.removeprefix("data: ")) for frame in frames)


def test_a_tool_is_called_when_the_text_asks_for_it(client: openai.OpenAI) -> None:
    asked = says("Please book a visit for tomorrow.")
    call = client.chat.completions.create(model="gpt-4o", messages=asked, tools=[BOOK_JOB]).choices[0]

    assert call.finish_reason == "tool_calls"
    [tool_call] = call.message.tool_calls
    assert json.loads(tool_call.function.arguments)["window"] in ("am", "pm")

    result = {"role": "tool", "tool_call_id": tool_call.id, "content": "done"}
    history = [*asked, call.message.to_dict(), result]
    after = client.chat.completions.create(model="gpt-4o", messages=history, tools=[BOOK_JOB])
    assert after.choices[0].finish_reason == "stop"


def test_a_tool_is_called_when_it_must_be_and_never_when_it_may_not(client: openai.OpenAI) -> None:
    def finish(choice: Any) -> str:
        return (
            client.chat.completions.create(model="gpt-4o", messages=says("hi"), tools=[BOOK_JOB], tool_choice=choice)
            .choices[0]
            .finish_reason
        )

    assert finish("required") == "tool_calls"
    assert finish({"type": "function", "function": {"name": "book_job"}}) == "tool_calls"
    assert finish("none") == "stop"


def test_a_streamed_tool_call_adds_up_to_the_whole_one(client: openai.OpenAI) -> None:
    asked = {"model": "gpt-4o", "messages": says("book it"), "tools": [BOOK_JOB]}
    whole = client.chat.completions.create(**asked).choices[0].message.tool_calls[0]

    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion().choices[0].message.tool_calls[0]

    assert (final.id, final.function.name) == (whole.id, "book_job")
    assert final.function.arguments == whole.function.arguments


class Visit(BaseModel):
    technician: str
    hours: int
    notes: list[str]


class Plan(BaseModel):
    visits: list[Visit]
    city: str | None


def test_structured_answers_obey_their_schema(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="gpt-4o-mini", messages=says("plan"), response_format=Plan)

    assert isinstance(answer.choices[0].message.parsed, Plan)
    assert answer.usage.completion_tokens == tokens(answer.choices[0].message.content)


def test_reasoning_is_billed_and_a_short_limit_leaves_no_text(client: openai.OpenAI) -> None:
    free = client.chat.completions.create(model="gpt-6-luna", messages=says("x"))
    short = client.chat.completions.create(model="gpt-6-luna", messages=says("x"), max_completion_tokens=50)
    none = client.chat.completions.create(model="gpt-6-luna", messages=says("x"), reasoning_effort="none")

    details = free.usage.completion_tokens_details
    assert details.reasoning_tokens > 0
    assert free.usage.completion_tokens == details.reasoning_tokens + tokens(free.choices[0].message.content)
    assert (short.choices[0].finish_reason, short.choices[0].message.content) == ("length", "")
    assert short.usage.completion_tokens == short.usage.completion_tokens_details.reasoning_tokens == 50
    assert none.usage.completion_tokens_details.reasoning_tokens == 0


def test_a_limit_cuts_the_text_and_the_count_is_still_true(client: openai.OpenAI) -> None:
    for limit in range(1, 30):
        answer = client.chat.completions.create(model="gpt-4o", messages=says("cut"), max_tokens=limit)
        assert answer.usage.completion_tokens == tokens(answer.choices[0].message.content) == limit
        assert answer.choices[0].finish_reason == "length"


def test_a_prompt_seen_before_is_read_from_the_cache(client: openai.OpenAI) -> None:
    instructions = {"role": "system", "content": "Be brief about boilers. " * 400}

    def details(model: str, text: str) -> tuple[int, int, int]:
        usage = client.chat.completions.create(model=model, messages=[instructions, *says(text)]).usage
        return (
            usage.prompt_tokens,
            usage.prompt_tokens_details.cached_tokens,
            usage.prompt_tokens_details.cache_write_tokens,
        )

    prompt, cached, written = details("gpt-4o", "one")
    assert (cached, written) == (0, 0)
    assert details("gpt-4o", "two") == (prompt, prompt // 128 * 128, 0)

    prompt, cached, written = details("gpt-6-luna", "one")
    assert (cached, written) == (0, prompt // 128 * 128)
    assert details("gpt-6-luna", "two") == (prompt, prompt // 128 * 128, 0)


def test_short_prompts_are_never_cached(client: openai.OpenAI) -> None:
    for _ in range(2):
        usage = client.chat.completions.create(model="gpt-6-luna", messages=says("short")).usage
        assert (usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens_details.cache_write_tokens) == (0, 0)


def test_images_cost_what_their_family_says() -> None:
    assert Tiles(base=85, tile=170).tokens(1_024, 1_024, "auto") == 765
    assert Tiles(base=2_833, tile=5_667).tokens(10_000, 100, "low") == 2_833
    assert Patches(factor=1.2, high=2_500, original=None, auto="original").tokens(4_032, 3_024, "auto") == 14_364
    assert Patches(factor=1.2, high=2_500, original=None, auto="original").tokens(4_032, 3_024, "high") == 3_000


@pytest.mark.parametrize("wanted", [*range(1, 200, 7), 5_000])
def test_text_made_to_measure_has_exactly_its_tokens(state: Path, wanted: int) -> None:
    assert tokens(dispatcher.of_length(Random(wanted), wanted)) == wanted


def test_a_message_sets_the_length_and_delay_of_its_own_answer(server: Server, client: openai.OpenAI) -> None:
    began = time.monotonic()
    text = "How are we? [[local: outputTokens=120 latency=0.3]]"
    answer = client.chat.completions.create(model="gpt-4o", messages=says(text), n=2)

    assert time.monotonic() - began >= 0.3
    assert answer.usage.completion_tokens == 240
    assert server.get("behaviour")["outputTokens"] is None


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-6-luna"])
def test_at_worst_all_that_is_allowed_is_written(server: Server, client: openai.OpenAI, model: str) -> None:
    server.http.post("/_local/behaviour", json={"outputTokens": "worst"}).raise_for_status()

    answer = client.chat.completions.create(model=model, messages=says("x"), max_completion_tokens=700, n=3)

    shown = sum(tokens(choice.message.content) for choice in answer.choices)
    assert answer.usage.completion_tokens == 3 * 700
    assert shown + answer.usage.completion_tokens_details.reasoning_tokens == 3 * 700
    assert {choice.finish_reason for choice in answer.choices} == {"length"}


def test_embeddings_take_texts_and_tokens(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]
    table = tiktoken.get_encoding("cl100k_base")
    texts = ["a leaking tap", "no heat"]

    packed = client.embeddings.create(model="text-embedding-3-small", input=texts)
    arrays = [table.encode(text) for text in texts]
    floats = client.embeddings.create(model="text-embedding-3-small", input=arrays, encoding_format="float")

    assert packed.usage.prompt_tokens == floats.usage.prompt_tokens == sum(map(len, arrays))
    assert packed.data[1].embedding == pytest.approx(floats.data[1].embedding)
    assert len(packed.data[0].embedding) == 1_536
    assert [bill["usage"]["prompt_tokens"] for bill in server.served(since=before)] == [packed.usage.prompt_tokens] * 2


def test_models_say_when_they_end(client: openai.OpenAI) -> None:
    ends = {model.id: model.shutdown_date for model in client.models.list()}

    assert (ends["gpt-4o-mini"], ends["gpt-5"], ends["gpt-6-luna"]) == ("2027-01-14", "2026-12-11", None)
    assert client.models.retrieve("gpt-4o-2024-08-06").shutdown_date == "2027-01-14"


def test_responses_are_served_whole_and_streamed(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]
    tool = {"type": "function", "strict": False, **BOOK_JOB["function"]}

    whole = client.responses.create(model="gpt-4o", input="Where is Dana?", instructions="Be brief.")
    called = client.responses.create(model="gpt-6-luna", input="Please book it.", tools=[tool])
    with client.responses.stream(model="gpt-4o", input="Where is Dana?", instructions="Be brief.") as stream:
        list(stream)
        streamed = stream.get_final_response()

    assert whole.output_text == streamed.output_text
    assert whole.usage.output_tokens == tokens(whole.output_text)
    assert called.output[-1].type == "function_call"
    assert [bill["usage"]["total_tokens"] for bill in server.served(since=before)] == [
        whole.usage.total_tokens,
        called.usage.total_tokens,
        streamed.usage.total_tokens,
    ]


WHOLE_FAULTS = [
    ("error_500", openai.InternalServerError, None),
    ("error_503", openai.InternalServerError, None),
    ("rate_limit", openai.RateLimitError, None),
    ("rate_limit_retry_after", openai.RateLimitError, None),
    ("insufficient_quota", openai.RateLimitError, None),
    ("bad_request", openai.BadRequestError, None),
    ("model_not_found", openai.NotFoundError, None),
    ("html_502", openai.InternalServerError, None),
    ("reset_before_work", openai.APIConnectionError, None),
    ("reset_before_headers", openai.APIConnectionError, "billed_unseen"),
    ("reset_after_headers", openai.APIConnectionError, "billed_unseen"),
    ("truncated_body", openai.APIConnectionError, "billed_unseen"),
    ("wrong_json", json.JSONDecodeError, "billed_unseen"),
]


@pytest.mark.parametrize(("kind", "error", "outcome"), WHOLE_FAULTS)
def test_a_fault_breaks_one_answer_and_is_billed_if_the_work_was_done(
    server: Server, client: openai.OpenAI, kind: str, error: type[Exception], outcome: str | None
) -> None:
    before = server.get("health")["served"]
    server.fault(kind, times=1)

    with pytest.raises(error):
        client.chat.completions.create(model="gpt-4o", messages=says("x"))
    after = client.chat.completions.create(model="gpt-4o", messages=says("x"))

    assert after.choices
    expected = ["served"] if outcome is None else [outcome, "served"]
    assert [bill["outcome"] for bill in server.served(since=before)] == expected
    assert server.get("faults")["faults"][0]["hits"] == 1


STREAM_FAULTS = [
    ("reset_before_headers", httpx.ReadError),
    ("reset_after_headers", httpx.ReadError),
    ("truncated_body", httpx.RemoteProtocolError),
    ("stream_cut_before_usage", httpx.RemoteProtocolError),
]


@pytest.mark.parametrize(("kind", "error"), STREAM_FAULTS)
def test_a_stream_breaks_as_networks_break(server: Server, kind: str, error: type[Exception]) -> None:
    before = server.get("health")["served"]
    server.fault(kind, times=1)

    with pytest.raises(error):
        server.chat(
            {"model": "gpt-4o", "messages": says("x"), "stream": True, "stream_options": {"include_usage": True}}
        )

    assert [bill["outcome"] for bill in server.served_in_time(1, since=before)] == ["billed_unseen"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("stream_cut_before_usage", openai.APIConnectionError),
        ("stream_error_event", openai.APIError),
        ("wrong_json", json.JSONDecodeError),
        ("stream_usage_missing", None),
    ],
)
def test_a_stream_that_ends_wrongly_never_tells_its_usage(
    server: Server, client: openai.OpenAI, kind: str, error: type[Exception] | None
) -> None:
    before = server.get("health")["served"]
    server.fault(kind, times=1)
    chunks: list[Any] = []

    def read() -> None:
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        with client.chat.completions.create(model="gpt-4o", messages=says("x"), **asked) as stream:
            chunks.extend(stream)

    with pytest.raises(error) if error else nullcontext():
        read()

    assert chunks
    assert all(chunk.usage is None for chunk in chunks)
    assert [bill["outcome"] for bill in server.served(since=before)] == ["billed_unseen"]


def test_a_refusal_can_say_when_to_come_back(server: Server) -> None:
    server.fault("rate_limit_retry_after", retryAfterSeconds=7, times=1)
    server.fault("insufficient_quota", code="credit_balance_exhausted", times=1)

    first = server.chat({"model": "gpt-4o", "messages": says("x")})
    second = server.chat({"model": "gpt-4o", "messages": says("x")})

    assert (first.headers["retry-after"], first.headers["retry-after-ms"]) == ("7", "7000")
    assert first.json()["error"]["code"] == "rate_limit_exceeded"
    assert second.json()["error"]["code"] == "credit_balance_exhausted"
    assert "retry-after" not in second.headers


def test_a_call_that_hangs_is_billed_before_its_client_gives_up(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]
    server.fault("hang", times=1)

    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="gpt-4o", messages=says("x"))

    assert [bill["outcome"] for bill in server.served(since=before)] == ["billed_unseen"]


def test_a_client_that_leaves_early_pays_all_the_same(server: Server, client: openai.OpenAI) -> None:
    before = server.get("health")["served"]
    server.fault("slow", delaySeconds=0.5, times=1)

    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1).chat.completions.create(model="gpt-4o", messages=says("x"))
    text = "[[local: outputTokens=100 tokensPerSecond=200]]"
    with client.chat.completions.create(model="gpt-4o", messages=says(text), stream=True) as stream:
        next(iter(stream))

    bills = server.served_in_time(2, since=before)
    assert [bill["outcome"] for bill in bills] == ["billed_unseen", "billed_unseen"]
    assert sorted(bill["stream"] for bill in bills) == [False, True]


def test_a_fault_strikes_only_what_it_names(server: Server, client: openai.OpenAI) -> None:
    server.fault("error_500", match={"model": "gpt-4o", "contains": "furnace"})

    assert client.chat.completions.create(model="gpt-4o-mini", messages=says("furnace")).choices
    assert client.chat.completions.create(model="gpt-4o", messages=says("boiler")).choices
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="gpt-4o", messages=says("furnace"))


def test_a_fault_strikes_as_often_as_its_probability_says(server: Server) -> None:
    server.fault("error_500", probability=0.5)

    with ThreadPoolExecutor(8) as threads:
        body = {"model": "gpt-4o", "messages": says("x")}
        statuses = [answer.status_code for answer in threads.map(lambda _: server.chat(body), range(60))]

    assert 15 <= statuses.count(500) <= 45


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "slow", "often": True}),
        ("faults", {"kind": "slow", "times": 0}),
        ("behaviour", {"outputTokens": "many"}),
        ("behaviour", {"latency_s": 1}),
    ],
)
def test_a_wish_that_is_not_understood_is_refused(server: Server, path: str, body: dict[str, Any]) -> None:
    assert server.http.post(f"/_local/{path}", json=body).status_code == 400


@pytest.mark.parametrize("content", [" " * 1_200_000, "a" * 400_000, "\ud83d lone", "<|endoftext|>"])
def test_hostile_texts_are_answered(server: Server, content: str) -> None:
    body = json.dumps({"model": "gpt-4.1", "messages": says(content)})

    answer = server.http.post("/v1/chat/completions", content=body, headers=KEY)

    assert answer.status_code == 200


def test_the_books_survive_a_stop_a_kill_and_a_torn_line(tmp_path: Path) -> None:
    body = {"model": "gpt-4o", "messages": says("x")}
    first = start(tmp_path)
    server_posts = [first.chat(body).json()["id"] for _ in range(3)]
    stop(first)
    with (tmp_path / "openai" / "served.jsonl").open("ab") as books:
        books.write(b'{"n": 4, "torn')

    second = start(tmp_path)
    server_posts.append(second.chat(body).json()["id"])
    usage = second.get("usage")["usage"]
    stop(second, signal.SIGKILL)
    third = start(tmp_path)
    served = third.served()
    stop(third)

    assert [bill["id"] for bill in served] == server_posts
    assert [bill["n"] for bill in served] == [1, 2, 3, 4]
    assert [(row["model"], row["serviceTier"], row["requests"]) for row in usage] == [("gpt-4o", "default", 4)]
    for name in ("uncached", "cached", "cacheWrite", "output"):
        assert usage[0][name] == sum(bill["tokens"][name] for bill in served)


def test_two_hundred_calls_at_once_are_each_billed_once(server: Server) -> None:
    before = server.get("health")["served"]
    limits = httpx.Limits(max_connections=200)

    def ask(number: int) -> dict[str, Any]:
        body = {"model": "gpt-4o", "messages": says(f"Customer {number} has no heat."), "stream": False}
        return client.post("/v1/chat/completions", json=body).raise_for_status().json()

    with (
        httpx.Client(base_url=server.url, headers=KEY, limits=limits, verify=False, timeout=20) as client,
        ThreadPoolExecutor(200) as threads,
    ):
        answers = list(threads.map(ask, range(200)))

    bills = server.served(since=before)
    assert sorted(bill["id"] for bill in bills) == sorted(answer["id"] for answer in answers)
    assert [bill["n"] for bill in bills] == list(range(before + 1, before + 201))
    for name in ("prompt_tokens", "completion_tokens"):
        assert sum(b["usage"][name] for b in bills) == sum(a["usage"][name] for a in answers)
