"""ministack by itself, with an empty table. It takes one write at a time, in one process: its latency says nothing of DynamoDB's."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local import daemons, services
from infra.local.configuration import Configuration
from tests.bench.aws_environment import aws_at
from tests.fakes.ledger_world import make_table
from tollgate.adapters.dynamodb_client import new_client


@contextmanager
def local_dynamodb(table: str, *, in_flight_max: int) -> Iterator[str]:
    """Its address. MINISTACK_PORT where it is set, else a free port."""
    with TemporaryDirectory(prefix="tollgate-bench-") as folder:
        state = Path(folder)
        port = os.environ.get("MINISTACK_PORT") or _free_port()
        environment = {"MINISTACK_PORT": str(port), "TOLLGATE_MAX_IN_FLIGHT": str(in_flight_max)}
        configuration = Configuration(state=state, builds=state, environment=environment)
        services.scratch(state).mkdir(parents=True)
        (state / "run").mkdir()
        daemon = services.ministack(configuration)
        daemons.start(daemon, state)
        try:
            daemons.wait_until_ready(daemon, state)
            with aws_at(configuration.aws_endpoint_url):
                make_table(new_client(), table)
                yield configuration.aws_endpoint_url
        finally:
            daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)
            # It counts as ended with its first thread; the others may take a moment more, and write into the folder.
            daemons.started.pop().wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
