"""Programs that stay: started apart from the terminal, found again by their pid files, stopped by name."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from infra.build import ROOT
from infra.local.configuration import StackError

# Every daemon carries this with the folder of its stack, and so does whatever it starts: what a crash leaves is found by it.
MARK = "TOLLGATE_LOCAL_STACK"
# Enough to run programs; everything else is given by name, so that nothing of the person's reaches a function.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME")

# Our own children: to be collected when they end. Most outlive us.
started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    name: str
    command: list[str]
    ports: Mapping[str, int]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    user_id: int | None = None
    # The signal that asks it to finish what it does, and how long that may take.
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 15


def start(daemon: Daemon, state: Path) -> None:
    check_ports(daemon.ports)
    log = log_file(state, daemon.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # Between the start and the pid file an interruption would leave a program that nobody knows of.
    with uninterrupted(), log.open("ab") as output:
        process = subprocess.Popen(
            daemon.command,
            cwd=ROOT if daemon.user_id is None else "/",
            env={**environment, **daemon.environment, MARK: str(state)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=daemon.user_id,
            group=daemon.user_id,
            extra_groups=None if daemon.user_id is None else [],
        )
        started.append(process)
        note = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
        pid_file(state, daemon.name).write_text(json.dumps(note), encoding="utf-8")


def wait_until_ready(daemon: Daemon, state: Path, *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not daemon.is_ready():
        if running(state, daemon.name) is None:
            raise StackError(f"{daemon.name} ended at once:\n{tail(state, daemon.name)}")
        if time.monotonic() > deadline:
            raise StackError(f"{daemon.name} did not answer within {within_s:.0f} s:\n{tail(state, daemon.name)}")
        time.sleep(0.05)


def running(state: Path, name: str) -> psutil.Process | None:
    try:
        note = json.loads(pid_file(state, name).read_text(encoding="utf-8"))
        process = psutil.Process(note["pid"])
        # A pid is given again to others after a while.
        ours = process.create_time() == note["created"]
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return process if ours and is_alive(process) else None


def stop(state: Path, name: str, *, stop_signal: signal.Signals, grace_s: float) -> None:
    process = running(state, name)
    if process is not None:
        children = process.children(recursive=True)
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
        wait_for_end([process], within_s=grace_s)
        end([process, *children])
    pid_file(state, name).unlink(missing_ok=True)


def stop_what_is_left(state: Path) -> None:
    """After a crash the pid files don't name everything."""
    end([process for process in psutil.process_iter() if mark_of(process) == str(state)])


def mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except psutil.Error:
        return None


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    stubborn = wait_for_end(processes, within_s=3)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for_end(stubborn, within_s=3)


def wait_for_end(processes: list[psutil.Process], *, within_s: float) -> list[psutil.Process]:
    """Returns those that are still there."""
    deadline = time.monotonic() + within_s
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if is_alive(process)]
    for child in started:
        child.poll()
    return left


def is_alive(process: psutil.Process) -> bool:
    """One that ended and was not collected by its parent is not: init takes its time, and `up` is the parent of its own."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def check_ports(ports: Mapping[str, int]) -> None:
    for variable, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise StackError(f"Port {port} is in use by another program: set {variable} to a free one.") from error


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pid_file(state: Path, name: str) -> Path:
    return state / "run" / f"{name}.json"


def log_file(state: Path, name: str) -> Path:
    return state / "logs" / f"{name}.log"


def tail(state: Path, name: str, *, lines: int = 15) -> str:
    text = log_file(state, name).read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keeps an interruption back until the block is through."""
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt
