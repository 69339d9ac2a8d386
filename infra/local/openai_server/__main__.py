"""python -m infra.local.openai_server"""

from __future__ import annotations

import os
from pathlib import Path

import uvicorn

from infra.local.openai_server.application import application
from infra.local.openai_server.books import Books
from infra.local.openai_server.connection import ConnectedProtocol
from infra.local.openai_server.organization import Organization
from infra.local.openai_server.service import Service
from infra.local.openai_server.tokens import encode, prepare_tables

HOST = "127.0.0.1"
# Clients keep connections for minutes; a server that closes them sooner makes errors nobody asked for.
KEEP_ALIVE_S = 300
# Requests that hang on purpose would never end.
SHUTDOWN_S = 1


def main() -> None:
    port = int(os.environ.get("OPENAI_PORT", "8081"))
    state = Path(os.environ.get("TOLLGATE_STATE_DIR", ".local"))
    prepare_tables(state)
    encode("ready")
    organization = Organization(state / "openai" / "organization.json")
    with Books(state / "openai" / "served.jsonl") as books:
        uvicorn.run(
            application(Service(books, organization)),
            host=HOST,
            port=port,
            http=ConnectedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            server_header=False,
            backlog=2_048,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )


if __name__ == "__main__":
    main()
