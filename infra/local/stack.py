"""Up and down: what is started in which order, and what is left when something goes wrong."""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.local import daemons, postgres, services
from infra.local.configuration import Configuration, StackError
from infra.local.daemons import Daemon
from infra.local.deployment import STAGE, Deployed, admin_key, deploy, migrate
from infra.local.environments import AUTHORIZER, FUNCTION

# What Tollgate itself keeps: money in ministack's tables, spans in Postgres, and what was served in the local OpenAI's books.
KEPT = (services.MINISTACK, services.OPENAI, services.SERVICETITAN)


def up(configuration: Configuration) -> str:
    """Returns what the person wants to know of it."""
    with alone(configuration):
        anything_ran = any(daemons.running(configuration.state, daemon.name) for daemon in backing(configuration))
        try:
            return bring_up(configuration)
        except BaseException as error:
            # A failed change leaves the stack that was up; an interruption, or a failed start, leaves nothing.
            if not anything_ran or isinstance(error, KeyboardInterrupt):
                with daemons.uninterrupted():
                    stop_all(configuration)
            raise


def down(configuration: Configuration) -> None:
    with alone(configuration), daemons.uninterrupted():
        stop_all(configuration)


def clean(configuration: Configuration) -> None:
    down(configuration)
    postgres.forget(configuration.state)
    shutil.rmtree(configuration.state, ignore_errors=True)


def bring_up(configuration: Configuration) -> str:
    began = time.monotonic()
    forget_if_unsaved(configuration)
    missing = [daemon for daemon in backing(configuration) if not daemons.running(configuration.state, daemon.name)]
    was_up = not missing and daemons.running(configuration.state, services.GATEWAY) is not None
    if not was_up:
        daemons.check_ports({name: port for daemon in missing for name, port in daemon.ports.items()})
        start_backing(configuration, missing)
    deployed = deploy(configuration)
    migrate(configuration, deployed)
    key = admin_key(configuration, deployed)
    start_gateway(configuration, deployed)
    write_stack_file(configuration, deployed, key)
    told = "The stack is up already." if was_up else f"The stack is up ({time.monotonic() - began:.0f} s)."
    return f"{told}\n{greeting(configuration, key)}"


def backing(configuration: Configuration) -> list[Daemon]:
    """Everything but the gateway, which is started last, because it wants to know which API it stands before."""
    own = [services.ministack(configuration)]
    if not configuration.text("DATABASE_URL"):
        own.append(postgres.postgres(configuration))
    if configuration.own_openai:
        own.append(services.openai(configuration))
    if configuration.own_servicetitan:
        own.append(services.servicetitan(configuration))
    return own


def start_backing(configuration: Configuration, missing: list[Daemon]) -> None:
    services.scratch(configuration.state).mkdir(parents=True, exist_ok=True)
    (configuration.state / "run").mkdir(exist_ok=True)
    for daemon in missing:
        if daemon.name == postgres.NAME:
            postgres.prepare(configuration)
        daemons.start(daemon, configuration.state)
    for daemon in missing:
        daemons.wait_until_ready(daemon, configuration.state)
    if any(daemon.name == postgres.NAME for daemon in missing):
        postgres.create_database(configuration)


def start_gateway(configuration: Configuration, deployed: Deployed) -> None:
    gateway = services.gateway(
        configuration,
        api_id=deployed.api_id,
        stage=STAGE,
        functions={name: deployed.functions[name] for name in (FUNCTION, AUTHORIZER)},
        version=(configuration.state / "deployed").read_text(encoding="utf-8"),
    )
    running = daemons.running(configuration.state, gateway.name)
    if running is not None and running.cmdline()[1:] == gateway.command[1:]:
        return
    daemons.stop(configuration.state, gateway.name, stop_signal=gateway.stop_signal, grace_s=gateway.grace_s)
    daemons.start(gateway, configuration.state)
    daemons.wait_until_ready(gateway, configuration.state)


def stop_all(configuration: Configuration) -> None:
    state = configuration.state
    # The gateway first: what is in flight ends, and nothing new comes. Then ministack, which writes its state down.
    gateway = services.gateway(configuration, api_id="", stage=STAGE, functions={}, version="")
    for daemon in (gateway, services.ministack(configuration), *others(configuration)):
        daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)
    daemons.stop_what_is_left(state)
    shutil.rmtree(services.scratch(state), ignore_errors=True)
    (state / "stack.json").unlink(missing_ok=True)


def others(configuration: Configuration) -> list[Daemon]:
    """All that may run, whatever the environment says by now."""
    return [services.openai(configuration), services.servicetitan(configuration), postgres.postgres(configuration)]


def forget_if_unsaved(configuration: Configuration) -> None:
    """ministack writes its state down when it is stopped, not when it is killed. Postgres, which has everything, would then
    hold spans of a ledger that never had them: the whole stack starts again from nothing."""
    state = configuration.state
    unsaved = (services.ministack_state(state) / services.UNSAVED).exists()
    if not unsaved or daemons.running(state, services.MINISTACK) is not None:
        return
    print("The last run was killed before it could be saved: its state is forgotten, and starts anew.")
    stop_all(configuration)
    postgres.forget(state)
    for name in KEPT:
        shutil.rmtree(state / name, ignore_errors=True)
    for name in ("deployed", "admin-key.json"):
        (state / name).unlink(missing_ok=True)


def write_stack_file(configuration: Configuration, deployed: Deployed, key: str) -> None:
    names = [daemon.name for daemon in backing(configuration)] + [services.GATEWAY]
    pids = {name: process.pid for name in names if (process := daemons.running(configuration.state, name))}
    content = {
        "apiUrl": configuration.api_url,
        "adminKey": key,
        "databaseUrl": configuration.text("DATABASE_URL") or postgres.url(configuration),
        "awsEndpointUrl": configuration.aws_endpoint_url,
        "openaiBaseUrl": configuration.openai_base_url,
        "servicetitanBaseUrl": configuration.servicetitan_base_url,
        "servicetitanAuthUrl": configuration.servicetitan_auth_url,
        "ledgerTable": deployed.ledger_table,
        "keysTable": deployed.keys_table,
        "functions": dict(sorted(deployed.functions.items())),
        "stateDir": str(configuration.state),
        "pids": pids,
    }
    file = configuration.state / "stack.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def greeting(configuration: Configuration, key: str) -> str:
    url = configuration.api_url
    return f"""
  API        {url}   (OpenAI's clients: {url}/v1)
  admin key  {key}
  Postgres   {configuration.text("DATABASE_URL") or postgres.url(configuration)}
  OpenAI     {configuration.openai_base_url}

  curl {url}/api/health
  curl -X PUT {url}/api/cost/budget/acme-hvac -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{"dailyBudgetUsd": 5}}'
  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'x-tollgate-tenant: acme-hvac' \\
    -H 'Content-Type: application/json' -d '{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "Hello"}}]}}'
  curl {url}/api/cost/budget/acme-hvac -H 'Authorization: Bearer {key}'

  make down stops it and keeps its state."""


def status(configuration: Configuration) -> bool:
    """Prints one line for each program; true when all of them run."""
    names = [services.GATEWAY, *(daemon.name for daemon in backing(configuration))]
    found = {name: daemons.running(configuration.state, name) for name in names}
    for name, process in found.items():
        print(f"{name:<13} {f'runs, pid {process.pid}' if process else 'is not running'}")
    if all(found.values()):
        print(f"\n{configuration.api_url}  (more: {configuration.state / 'stack.json'})")
    return all(found.values())


@contextmanager
def alone(configuration: Configuration) -> Iterator[None]:
    configuration.state.mkdir(parents=True, exist_ok=True)
    lock_path = lock_file(configuration.state)
    with lock_path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("Another up or down is at work on this stack.") from None
        yield


def lock_file(state: Path) -> Path:
    return state / "lock"


def stop_postgres(configuration: Configuration) -> None:
    daemon = postgres.postgres(configuration)
    daemons.stop(configuration.state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)


def start_postgres(configuration: Configuration) -> None:
    daemon = postgres.postgres(configuration)
    if daemons.running(configuration.state, daemon.name) is None:
        daemons.start(daemon, configuration.state)
        daemons.wait_until_ready(daemon, configuration.state)


def log_files(configuration: Configuration) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted((configuration.state / "logs").iterdir())
    return []
