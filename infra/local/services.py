"""The programs of the stack, apart from Postgres: how each is started, and how one sees that it is ready."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from infra.local.configuration import REGION, Configuration
from infra.local.daemons import Daemon, answers

# There while ministack runs, and taken away when it has written everything down.
UNSAVED = "unsaved"
MINISTACK, OPENAI, SERVICETITAN, GATEWAY = "ministack", "openai", "servicetitan", "gateway"
# Never the person's own: whatever runs here could only reach the real AWS by mistake.
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def ministack(configuration: Configuration) -> Daemon:
    state, port = configuration.state, configuration.ministack_port
    return Daemon(
        name=MINISTACK,
        command=[sys.executable, "-m", "infra.local.ministack_server"],
        # Functions inherit all of this, as they inherit Lambda's own variables on AWS.
        environment={
            **AWS_ENVIRONMENT,
            "AWS_ENDPOINT_URL": configuration.aws_endpoint_url,
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "LAMBDA_EXECUTOR": "local",
            # A function in flight holds a thread while its own calls to DynamoDB wait for another.
            "MINISTACK_WORKER_THREADS": str(max(128, 4 * configuration.max_in_flight)),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(ministack_state(state)),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(ministack_state(state) / "s3"),
            # Each function's process unpacks its code here; `down` removes what a crash left.
            "TMPDIR": str(scratch(state)),
            "DOCKER_HOST": "unix:///nonexistent",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "INFO",
        },
        ports={"MINISTACK_PORT": port},
        is_ready=lambda: healthy(port, "/_ministack/ready"),
        grace_s=30,
    )


def openai(configuration: Configuration) -> Daemon:
    port = configuration.openai_port
    return Daemon(
        name=OPENAI,
        command=[sys.executable, "-m", "infra.local.openai_server"],
        environment={"OPENAI_PORT": str(port), "TOLLGATE_STATE_DIR": str(configuration.state)},
        ports={"OPENAI_PORT": port},
        is_ready=lambda: healthy(port, "/_local/health"),
    )


def servicetitan(configuration: Configuration) -> Daemon:
    ports = {
        "SERVICETITAN_PORT": configuration.servicetitan_port,
        "SERVICETITAN_AUTH_PORT": configuration.servicetitan_auth_port,
    }
    made_up = ("SERVICETITAN_SEED", "SERVICETITAN_MONTHS", "SERVICETITAN_SCALE", "SERVICETITAN_PAGE_ROWS")
    chosen = {name: configuration.text(name) for name in made_up if configuration.text(name)}
    return Daemon(
        name=SERVICETITAN,
        command=[sys.executable, "-m", "infra.local.servicetitan_server"],
        environment={
            **chosen,
            **{name: str(port) for name, port in ports.items()},
            "TOLLGATE_STATE_DIR": str(configuration.state),
        },
        ports=ports,
        is_ready=lambda: all(healthy(port, "/_local/health") for port in ports.values()),
    )


def gateway(
    configuration: Configuration, *, api_id: str, stage: str, functions: Mapping[str, str], version: str
) -> Daemon:
    port = configuration.gateway_port
    command = [sys.executable, "-m", "infra.local.gateway", "--api", api_id, "--stage", stage, "--version", version]
    return Daemon(
        name=GATEWAY,
        command=[*command, "--functions", json.dumps(dict(functions)), "--builds", str(configuration.builds)],
        environment={
            **AWS_ENVIRONMENT,
            "AWS_ENDPOINT_URL": configuration.aws_endpoint_url,
            "TOLLGATE_PORT": str(port),
            "TOLLGATE_MAX_IN_FLIGHT": str(configuration.max_in_flight),
        },
        ports={"TOLLGATE_PORT": port},
        is_ready=lambda: answers(port),
        # It lets the calls in flight come to their end.
        grace_s=20,
    )


def ministack_state(state: Path) -> Path:
    return state / "ministack"


def scratch(state: Path) -> Path:
    return state / "tmp"


def healthy(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
