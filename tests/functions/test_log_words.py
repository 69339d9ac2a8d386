"""No prompt, answer or key in a log, whatever goes wrong with a call: LogLevel is DEBUG, and libraries log what Lambda lets them."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.fakes.gate import Gate, gate, message
from tests.fakes.http_server import Received, Reply, Server, json_reply, serving
from tests.fakes.openai_provider import complete, provider
from tests.leaks import leaks_in, prompts
from tollgate import wiring
from tollgate.observability import logger

PROMPT = "The alarm code of 12 Oak Street is 4711"
ANSWER = "They keep the spare key under the third pot"
CHAT = {"model": "gpt-4o", "messages": [message(PROMPT)]}
Answers = Callable[[Received], Reply]


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture(scope="module")
def shop(openai: Server) -> Iterator[Gate]:
    # Repetitions and failures are what this is about.
    never = {"LOOP_REPEATS": "0", "LOOP_FAILURES": "0", "BREAKER_FAILURES": "0", "BREAKER_RATE_LIMITS": "0"}
    with gate(OPENAI_BASE_URL=f"{openai.url}/v1", **never) as shop:
        # It tries again what may pass; nobody waits for that here.
        ports = replace(wiring.chat_ports(), sleep=lambda _: None)
        with pytest.MonkeyPatch.context() as changing:
            changing.setattr(wiring, "chat_ports", lambda: ports)
            yield shop


@pytest.fixture
def log(openai: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Of our logger, and of whatever else logs at all."""
    text = io.StringIO()
    for handler in logger.handlers:
        monkeypatch.setattr(handler, "stream", text)
    monkeypatch.setattr(logger._logger, "level", logging.DEBUG)
    others, root = logging.StreamHandler(text), logging.getLogger()
    monkeypatch.setattr(root, "level", logging.INFO)
    root.addHandler(others)
    yield text
    root.removeHandler(others)
    openai.answer = complete


def quoting(status: int) -> Answers:
    """OpenAI's word, with what it was asked in it."""

    def answer(received: Received) -> Reply:
        said = f"I cannot read {PROMPT!r}, and would have said: {ANSWER}"
        error = {"message": said, "type": "server_error", "param": None, "code": PROMPT}
        return json_reply({"error": error}, status=status, x_request_id="req_1")

    return answer


def broken_body(_: Received) -> Reply:
    return Reply(content=f'{{"choices": [{{"message": "{PROMPT}, {ANSWER}'.encode(), headers={"x-request-id": "req_1"})


def strange_usage(_: Received) -> Reply:
    return json_reply({"choices": [ANSWER], "usage": {"prompt_tokens": PROMPT}}, x_request_id="req_1")


def cut_off(received: Received) -> Reply:
    reply = complete(received)
    return Reply(content=reply.content, headers=reply.headers, cut=20)


PROVIDERS: dict[str, Answers] = {
    "answers": complete,
    "refuses, and quotes": quoting(400),
    "is busy, and quotes": quoting(429),
    "fails, and quotes": quoting(500),
    "is away, and quotes": quoting(503),
    "answers half of it": broken_body,
    "counts in words": strange_usage,
    "breaks off": cut_off,
}


def words_in(text: str) -> list[str]:
    return [words for words in (PROMPT, ANSWER, "Oak Street", "third pot", "4711") if words in text]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat", "/v1/responses"])
@pytest.mark.parametrize("kind", PROVIDERS)
def test_whatever_the_provider_does_no_word_of_the_call_is_logged(
    kind: str, path: str, shop: Gate, openai: Server, log: io.StringIO
) -> None:
    openai.answer = PROVIDERS[kind]
    body = {"model": "gpt-4o", "input": PROMPT} if path == "/v1/responses" else CHAT

    shop.post(path, body)

    assert openai.received[-1].headers
    assert words_in(log.getvalue()) == []
    assert leaks_in(log.getvalue()) == []


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-4o", "messages": PROMPT},
        {"model": PROMPT, "messages": [message(PROMPT)]},
        {"model": "gpt-4o", "messages": [{"role": PROMPT, "content": {"text": PROMPT}}]},
        {"model": "gpt-4o", "messages": [message(PROMPT)], PROMPT: 1},
        {"model": "gpt-4o", "messages": [message(PROMPT)], "max_tokens": PROMPT},
        {"model": "gpt-4o", "messages": [message(PROMPT)], "n": PROMPT, "metadata": {PROMPT: [PROMPT]}},
        {"model": "gpt-4o", "messages": [message(PROMPT)], "tools": [PROMPT], "response_format": PROMPT},
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_no_word_of_a_request_that_is_none_is_logged(
    body: dict[str, object], path: str, shop: Gate, log: io.StringIO
) -> None:
    answer = shop.post(path, body)

    assert answer.status == 400, answer.text
    assert words_in(log.getvalue()) == []


def test_a_fault_of_our_own_is_logged_with_its_place_and_without_its_words(
    shop: Gate, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        try:
            return {}[PROMPT]
        except KeyError as error:
            raise ValueError(f"cannot read {PROMPT}") from error

    monkeypatch.setattr(type(wiring.ledger()), "post", broken)

    answer = shop.post("/v1/chat/completions", CHAT)

    line = json.loads(next(line for line in log.getvalue().splitlines() if "a request broke" in line))
    assert answer.status == 500
    assert words_in(log.getvalue() + answer.text) == []
    assert line["exception_name"] == "ValueError"
    assert [each["error"] for each in line["exceptions"]] == ["ValueError", "KeyError"]
    assert any("test_log_words.py" in place and "broken" in place for place in line["exceptions"][0]["at"])


def test_a_ledger_that_is_away_is_logged_with_why(
    shop: Gate, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> object:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    monkeypatch.setattr(wiring.ledger(), "_sleep", lambda _: None)
    monkeypatch.setattr(wiring.dynamodb(), "update_item", away)

    answer = shop.post("/v1/chat/completions", CHAT)

    assert answer.status == 503, answer.text
    assert "LedgerUnavailable: " in log.getvalue()
    assert words_in(log.getvalue()) == []


# ---- that a leak would be seen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "Authorization: Bearer tg_aaaaaaaaaaaa_' + "A" * 43 + '"}',
        "key=sk-test",
        "Helicone-Auth: Bearer sk-helicone-test",
        "client_secret=local-secret-1004",
        "api-key=abc",
        "token eyJhbGciOiJIUzI1NiJ9.eyJ0ZW5hbnQiOiIxIn0.c2ln",
        "password=...&X-Amz-Signature=" + "0f" * 32,
        f"asked: {PROMPT}",
    ],
)
def test_a_planted_leak_is_found(line: str) -> None:
    assert leaks_in(f"a line before\n{line}\na line after")


def test_an_ordinary_log_has_no_leak() -> None:
    line = (
        '{"level":"INFO","message":"the work is done","service":"tollgate","key_id":"abcdefghijkl","task-id":"ask-1"}'
    )

    assert leaks_in(line) == []
    assert PROMPT in prompts()
    assert len(prompts()) > 30


def test_a_test_that_logs_a_key_or_a_prompt_fails_whatever_it_is_about(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        f"""
import logging, sys
from tollgate.observability import logger

KEY, PROMPT = "tg_{"a" * 12}_{"A" * 43}", {PROMPT!r}

def test_print(): print("made", KEY)
def test_stderr(): sys.stderr.write(PROMPT)
def test_log_record(): logging.warning("asked: %s", PROMPT)
def test_our_logger(): logger.info("asked", extra={{"key": KEY}})
def test_nothing(): print("made", KEY[:15])
""",
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", str(tmp_path)]
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:xdist"]

    done = subprocess.run(
        [*command, *plugins, str(planted)], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )

    failed = {line.partition("::")[2].split()[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")}
    assert "5 passed, 4 errors" in done.stdout, done.stdout[:2000].replace("tg_", "")
    assert failed == {"test_print", "test_stderr", "test_log_record", "test_our_logger"}
