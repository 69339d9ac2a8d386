"""`python -m infra.local.servicetitan_server`: the environment's names are in README.md."""

import contextlib
import os
import sys

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.server import HOST, serve
from infra.local.servicetitan_server.shops import SCALE_MAX
from infra.local.servicetitan_server.world import World

SCALE_MIN = 0.01


def main() -> None:
    api_port = int(_number("SERVICETITAN_PORT", "8082", 1, 65535))
    auth_port = int(_number("SERVICETITAN_AUTH_PORT", "8083", 1, 65535))
    world = World(
        Clock(),
        seed=os.environ.get("SERVICETITAN_SEED", "tollgate"),
        months=int(_number("SERVICETITAN_MONTHS", "6", 0, 60)),
        scale=_number("SERVICETITAN_SCALE", "1", SCALE_MIN, SCALE_MAX),
        rows_max=int(_number("SERVICETITAN_PAGE_ROWS", "500", 1, 50_000)),
    )
    print(f"Local ServiceTitan: API http://{HOST}:{api_port}, tokens http://{HOST}:{auth_port}", flush=True)
    try:
        # The servers have shut down by then; the signal is only raised once more for whoever waits for it.
        with contextlib.suppress(KeyboardInterrupt):
            serve(world, api_port=api_port, auth_port=auth_port)
    except OSError as error:
        sys.exit(f"The local ServiceTitan cannot listen on {api_port} and {auth_port}: {error.strerror}")


def _number(name: str, default: str, least: float, most: float) -> float:
    """Ends the program where the environment says something else."""
    text = os.environ.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        sys.exit(f"{name} is not a number from {least} to {most}: {text}")
    return number


if __name__ == "__main__":
    main()
