"""A server that stands before Postgres as RDS Proxy does: TLS, a token for a password, no start-up options, and a note of each message
that would pin a connection (rds-proxy-pinning in AWS's Aurora guide)."""

import re
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from select import select
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST, CANCEL_REQUEST, PROTOCOL_3 = 80877103, 80877102, 196608
STATEMENT_BYTES_MAX = 16 * 1024
# In the words of AWS's list for PostgreSQL; the text is that of a statement without its literals and comments.
PINNING = re.compile(
    r"^\s*(SET|RESET|PREPARE|EXECUTE|DEALLOCATE|DISCARD|DECLARE|FETCH|CLOSE|LISTEN|UNLISTEN|LOAD|COPY)\b"
    r"|\bCREATE\s+(LOCAL\s+|GLOBAL\s+)?TEMP(ORARY)?\b|\bINTO\s+TEMP(ORARY)?\b|\bpg_temp\b"
    r"|\b(nextval|setval|set_config|lastval)\s*\("
    r"|\bpg_(try_)?advisory_(lock|unlock)\w*\s*\(",
    re.IGNORECASE,
)
LITERAL_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


def pins(statement: str) -> bool:
    """Whether the proxy would keep a connection for whoever sends this."""
    return len(statement.encode()) > STATEMENT_BYTES_MAX or any(
        PINNING.search(part) is not None for part in LITERAL_OR_COMMENT.sub("''", statement).split(";")
    )


@dataclass(slots=True, kw_only=True)
class RdsProxy:
    """`startups`: the parameters of each session; `passwords`: what each sent; `statements`: all of them; `faults`: what would pin, or is
    refused by the proxy."""

    port: int
    roots: Path
    target: str
    startups: list[dict[str, str]] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    open: list[socket.socket] = field(default_factory=list)

    def url(self, database: str, *, host: str = "localhost", user: str = "tollgate", roots: Path | None = None) -> str:
        where = f"postgresql://{user}@{host}:{self.port}/{database}?sslmode=verify-full"
        return f"{where}&sslrootcert={roots or self.roots}"

    def end_sessions(self) -> None:
        while self.open:
            with suppress(OSError):
                self.open.pop().shutdown(socket.SHUT_RDWR)


@contextmanager
def rds_proxy(folder: Path, target: str) -> Iterator[RdsProxy]:
    """`target`: the path of the Unix socket of a Postgres that trusts everybody."""
    key, roots = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(roots, key)
    listening = socket.create_server(("127.0.0.1", 0))
    proxy = RdsProxy(port=listening.getsockname()[1], roots=roots, target=target)

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            Thread(target=serve, args=(proxy, client, context), daemon=True).start()

    accepting = Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield proxy
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        proxy.end_sessions()
        accepting.join(5)


def serve(proxy: RdsProxy, client: socket.socket, context: ssl.SSLContext) -> None:
    with client, suppress(OSError, EOFError):
        _, code, _ = first_message(client)
        if code != SSL_REQUEST:
            proxy.faults.append("a session without TLS" if code != CANCEL_REQUEST else "CancelRequest")
            return
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as session:
            proxy.open.append(session)
            relay(proxy, session)


def relay(proxy: RdsProxy, session: ssl.SSLSocket) -> None:
    packet, code, body = first_message(session)
    if code != PROTOCOL_3:
        proxy.faults.append("CancelRequest" if code == CANCEL_REQUEST else f"protocol {code}")
        return
    words = body.decode().split("\0")
    parameters = dict(zip(words[::2], words[1::2], strict=False))
    proxy.startups.append({name: value for name, value in parameters.items() if name})
    if "options" in parameters:
        proxy.faults.append(f"options {parameters['options']}")
        return
    # AuthenticationCleartextPassword: how a token is asked for, and why only where the server was verified.
    session.sendall(b"R" + struct.pack("!ii", 8, 3))
    kind, password = message(session)
    assert kind == b"p"
    proxy.passwords.append(password.rstrip(b"\0").decode())
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(proxy.target)
        server.sendall(packet)
        pump(proxy, session, server)


def pump(proxy: RdsProxy, session: ssl.SSLSocket, server: socket.socket) -> None:
    """One thread for both directions: an SSL object is not for two."""
    sent = b""
    while True:
        ready = [session] if session.pending() else select([session, server], [], [])[0]
        for each in ready:
            chunk = each.recv(65536)
            if not chunk:
                return
            if each is server:
                session.sendall(chunk)
                continue
            server.sendall(chunk)
            sent = noted(proxy, sent + chunk)


def noted(proxy: RdsProxy, sent: bytes) -> bytes:
    """Returns the beginning of a message whose end has not come yet."""
    while len(sent) >= 5 and len(sent) > (length := struct.unpack("!i", sent[1:5])[0]):
        note(proxy, sent[:1], sent[5 : length + 1])
        sent = sent[length + 1 :]
    return sent


def note(proxy: RdsProxy, kind: bytes, content: bytes) -> None:
    if kind == b"P":
        name, statement, _ = content.split(b"\0", 2)
        if name:
            proxy.faults.append(f"prepared statement {name.decode()}")
    elif kind == b"Q":
        statement = content.rstrip(b"\0")
    else:
        return
    proxy.statements.append(statement.decode())
    if pins(statement.decode()):
        proxy.faults.append(statement.decode()[:200])


def first_message(session: socket.socket) -> tuple[bytes, int, bytes]:
    """Whole, its code, and what follows that. A session begins with a message that has no kind."""
    (length,) = struct.unpack("!i", exactly(session, 4))
    rest = exactly(session, length - 4)
    return struct.pack("!i", length) + rest, struct.unpack("!i", rest[:4])[0], rest[4:]


def message(session: socket.socket) -> tuple[bytes, bytes]:
    kind = exactly(session, 1)
    (length,) = struct.unpack("!i", exactly(session, 4))
    return kind, exactly(session, length - 4)


def exactly(session: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = session.recv(count - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate that signs itself, for `localhost` alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "key.pem", folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files[0].write_bytes(private)
    files[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return files
