"""Functions in processes of their own, to be killed at any moment: the real handlers, with their real wiring and environment.

Run as a program it imports the handlers once and forks a process for each event, as cheap as Lambda's warm start; no client is
made before the fork.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
ROUTES = ROOT / "functions" / "routes"


class Functions:
    """The parent of these processes. `environment`: what the template would set."""

    def __init__(self, environment: Mapping[str, str], *, answers: Path, routes: list[str]) -> None:
        self._answers = answers
        self._started = 0
        path = os.pathsep.join((str(ROOT / "layers" / "shared"), str(ROOT)))
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.function_process", *routes],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._ask() == {"ready": True}

    def invoke(self, route: str, event: Mapping[str, Any], *, remaining_ms: int, delivers: bool = True) -> "Invocation":
        """`delivers`: False where the answer is made and never leaves the process."""
        self._started += 1
        answer = self._answers / f"{self._started}.json"
        if not delivers:
            os.mkfifo(answer)
        order = {"route": route, "event": event, "remaining_ms": remaining_ms, "delivers": delivers}
        return Invocation(self, self._ask(order | {"answer": str(answer)})["pid"], answer)

    def end_of(self, pid: int) -> int:
        """The process' exit code, or the number of the signal that killed it, negative."""
        return int(self._ask({"wait": pid})["code"])

    def close(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        self._program.wait(20)
        self._program.stdout.close()

    def _ask(self, order: Mapping[str, Any] | None = None) -> Any:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        if order is not None:
            self._program.stdin.write(json.dumps(order) + "\n")
            self._program.stdin.flush()
        return json.loads(self._program.stdout.readline())


class Invocation:
    def __init__(self, functions: Functions, pid: int, answer: Path) -> None:
        self._functions = functions
        self._pid = pid
        self._answer = answer

    def kill(self) -> None:
        """SIGKILL; it must have been alive until then."""
        os.kill(self._pid, signal.SIGKILL)
        assert self._functions.end_of(self._pid) == -signal.SIGKILL

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body, when it has come to its end."""
        assert self._functions.end_of(self._pid) == 0
        told = json.loads(self._answer.read_text(encoding="utf-8"))
        return told["statusCode"], json.loads(told["body"])

    def wait_for_undelivered_answer(self) -> None:
        assert self._answer.read_text(encoding="utf-8") == "made"


def main(routes: list[str]) -> None:
    handlers = {route: load(route) for route in routes}
    warm_up()
    say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            say({"code": os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])})
            continue
        pid = os.fork()
        if pid == 0:
            run(handlers[order["route"]], order)
        say({"pid": pid})


def run(handler: Any, order: Mapping[str, Any]) -> None:
    # The log goes nowhere, and the parent's orders are not ours to read.
    for stream in (0, 1):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    context = SimpleNamespace(
        aws_request_id="request-1", get_remaining_time_in_millis=lambda: order["remaining_ms"], function_name="function"
    )
    answer = Path(order["answer"])
    code = 1
    try:
        told = handler.handle(order["event"], context)
        if not order["delivers"]:
            answer.write_text("made", encoding="utf-8")
            signal.pause()
        answer.write_text(json.dumps(told), encoding="utf-8")
        code = 0
    finally:
        os._exit(code)


def warm_up() -> None:
    """What takes the longest of a cold start: the SDK's code and the tokenizer's table."""
    from openai.resources.chat.completions import Completions

    from tollgate.adapters.tiktoken_counter import TiktokenCounter

    assert Completions
    TiktokenCounter().count(["warm"])


def load(route: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"functions_under_test.{route}", ROUTES / route / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(words: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
