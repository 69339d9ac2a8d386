"""One lazy connection to Postgres for each environment, through RDS Proxy on AWS.

Nothing here pins the proxy's connection: no SET, no prepared statement, no session lock, no start-up options. The
time limit of statements is set on the database by a migration. What AWS says of pinning: infra/database.md.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import TypeVar

import psycopg
from psycopg import Connection, conninfo, errors
from psycopg.rows import TupleRow

from tollgate.domain.errors import SpansUnavailable

T = TypeVar("T")

QUERIES = Path(__file__).parent / "queries"
# ReadOnlySqlTransaction: the connection still leads to what was the writer before a failover.
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)


def query(name: str) -> bytes:
    """Without its lines of comment: a statement over 16 KB pins the proxy's connection."""
    lines = (QUERIES / f"{name}.sql").read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.lstrip().startswith(b"--"))


class Postgres:
    """`user` takes the place of the one that the URL names. `password` is asked for each time a connection is opened: an IAM token is
    good for 15 minutes."""

    def __init__(self, url: str, *, user: str = "", password: Callable[[], str] | None = None) -> None:
        self._url = conninfo.make_conninfo(url, **({"user": user} if user else {}), **_roots(url))
        self._password = password
        self._connection: Connection[TupleRow] | None = None

    def run(self, work: Callable[[Connection[TupleRow]], T]) -> T:
        """Does the work in one transaction, and again on a new connection where the old one broke: it must bear that.

        Raises SpansUnavailable where Postgres cannot be reached or is too slow; psycopg's own where a query is wrong.
        """
        try:
            return self._attempt(work)
        except errors.QueryCanceled as error:
            raise SpansUnavailable("Postgres took too long to answer.") from error
        except BROKEN:
            self.close()
        try:
            return self._attempt(work)
        except BROKEN as error:
            self.close()
            raise SpansUnavailable("Postgres cannot be reached now.") from error

    def ping(self, timeout: timedelta) -> None:
        """Raises SpansUnavailable where no answer comes within the time; to connect takes up to two seconds more."""
        try:
            connection = self._open(connect_timeout=timeout)
            with _time_limit(connection, timeout):
                connection.execute("SELECT 1")
        except BROKEN as error:
            self.close()
            raise SpansUnavailable("Postgres cannot be reached now.") from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _attempt(self, work: Callable[[Connection[TupleRow]], T]) -> T:
        connection = self._open()
        with connection.transaction():
            return work(connection)

    def _open(self, *, connect_timeout: timedelta = timedelta(seconds=3)) -> Connection[TupleRow]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                password=None if self._password is None else self._password(),
                autocommit=True,
                prepare_threshold=None,
                connect_timeout=max(1, int(connect_timeout.total_seconds())),
                keepalives=1,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=15_000,
            )
        return self._connection


@contextmanager
def _time_limit(connection: Connection[TupleRow], timeout: timedelta) -> Iterator[None]:
    """Cuts the connection's socket when the time is over, because the proxy takes no request to cancel."""
    with socket.socket(fileno=os.dup(connection.fileno())) as twin:
        timer = Timer(timeout.total_seconds(), twin.shutdown, [socket.SHUT_RDWR])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _roots(url: str) -> dict[str, str]:
    """Whom to trust, where the server is to be verified and the URL does not say by whom: libpq would look in a home folder that a
    function does not have. RDS Proxy shows a certificate of Amazon's own authority, which botocore's list has; a database without the
    proxy shows one of RDS's, which no public list has (infra/database.md)."""
    parts = conninfo.conninfo_to_dict(url)
    if parts.get("sslmode") not in ("verify-ca", "verify-full") or parts.get("sslrootcert"):
        return {}
    import botocore  # the package alone, which is quick; for the file beside it

    return {"sslrootcert": str(Path(botocore.__file__).with_name("cacert.pem"))}


def iam_token(url: str, *, user: str = "") -> Callable[[], str]:
    """Passwords for a URL of RDS, signed on this machine. Raises ValueError where the server would not be verified."""
    parts = conninfo.conninfo_to_dict(url) | ({"user": user} if user else {})
    if parts.get("sslmode") != "verify-full":
        raise ValueError("DATABASE_URL needs sslmode=verify-full where DATABASE_IAM_AUTH is true")

    def mint() -> str:
        import boto3  # a third of a second that only AWS needs

        host, port, user = str(parts["host"]), int(parts.get("port") or 5432), str(parts["user"])
        return str(boto3.client("rds").generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))

    return mint
