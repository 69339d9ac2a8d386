"""`python -m infra.local.servicetitan_server`: the environment's names are in README.md."""

import contextlib
import os
import sys

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.server import HOST, serve
from infra.local.servicetitan_server.world import World


def main() -> None:
    api_port = int(os.environ.get("SERVICETITAN_PORT", "8082"))
    auth_port = int(os.environ.get("SERVICETITAN_AUTH_PORT", "8083"))
    world = World(
        Clock(),
        seed=os.environ.get("SERVICETITAN_SEED", "tollgate"),
        months=int(os.environ.get("SERVICETITAN_MONTHS", "6")),
        scale=float(os.environ.get("SERVICETITAN_SCALE", "1")),
        rows_max=int(os.environ.get("SERVICETITAN_PAGE_ROWS", "500")),
    )
    print(f"Local ServiceTitan: API http://{HOST}:{api_port}, tokens http://{HOST}:{auth_port}", flush=True)
    try:
        # The servers have shut down by then; the signal is only raised once more for whoever waits for it.
        with contextlib.suppress(KeyboardInterrupt):
            serve(world, api_port=api_port, auth_port=auth_port)
    except OSError as error:
        sys.exit(f"The local ServiceTitan cannot listen on {api_port} and {auth_port}: {error.strerror}")


if __name__ == "__main__":
    main()
