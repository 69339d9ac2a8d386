"""CPU time of a governed call, by the real handler on its own layers, with DynamoDB and OpenAI played by another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.aws_environment import ENVIRONMENT
from tests.bench.busy_page import page_with
from tests.bench.busy_shop import a_busy_shop
from tests.bench.cold_start import KEY, VARIABLES, laid_out, layers_of
from tests.bench.gate_event import CHAT, event, tenant
from tests.bench.layer_site import ROOT
from tests.bench.stub_services import answers, stub_services
from tests.bench.table import table

PROBE = Path(__file__).with_name("call_probe.py")
FUNCTION = "routes/create_chat_completion"
IN_FLIGHT = (1, 10, 50, 250)
CALLS = 150
AGENTS = 5
Spent = list[dict[str, float]]


def measure(path: list[Path], *, in_flight: int, calls: int) -> Spent:
    """Of each call: part -> microseconds of CPU."""
    settings = a_busy_shop(agents=AGENTS)
    page = page_with(in_flight, settings, day=12, days_kept=3)
    asked = json.dumps(event("POST", "/v1/chat/completions", tenant(settings), CHAT))
    with stub_services(answers(settings, page, KEY)) as url:
        environment = (
            ENVIRONMENT
            | VARIABLES
            | {
                "AWS_ENDPOINT_URL": url,
                "OPENAI_BASE_URL": f"{url}/v1",
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, path)),
            }
        )
        told = subprocess.run(
            [sys.executable, "-S", "-s", "-P", PROBE, ROOT / "functions" / FUNCTION, asked, str(calls)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 0, (told.stdout + told.stderr)[-2_000:]
    spent: Spent = json.loads(told.stdout.splitlines()[-1])
    return spent


def report(*, in_flight: tuple[int, ...] = IN_FLIGHT, calls: int = CALLS) -> Iterator[str]:
    yield "## call: CPU time of a governed call\n"
    yield (
        f"Microseconds of the function's CPU, medians of {calls} calls in a warm environment; {AGENTS} agents on the page. "
        "Each part without those inside it.\n"
    )
    with laid_out() as sites:
        path = [sites[name] for name in layers_of(FUNCTION)]
        found = [measure(path, in_flight=count, calls=calls) for count in in_flight]
    yield table(["part", *(f"{count} in flight" for count in in_flight)], _rows(found))


def _rows(found: list[Spent]) -> Iterator[list[object]]:
    for part in found[0][0]:
        yield [part, *(f"{median(each.get(part, 0.0) for each in calls):.0f}" for calls in found)]
    yield ["a call in all", *(f"{median(sum(each.values()) for each in calls):.0f}" for calls in found)]


def main() -> None:
    for line in report():
        print(line, flush=True)
