"""Connections added, changed and removed, also where something breaks off in between."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.ledger_world import a_tenant
from tests.fakes.memory_connections import MemoryConnections, MemoryConnectionSecrets, MemoryLeases
from tests.fakes.memory_ledger import DirectCarry, MemoryAccounts, MemoryTable
from tests.fakes.memory_syncs import MemorySyncs
from tollgate.domain.connection import Connection, Environment
from tollgate.domain.errors import (
    AppKeyMissing,
    ConnectionBusy,
    ConnectionExists,
    ConnectionGiven,
    ConnectionNotFound,
    LedgerUnavailable,
    RequestInvalid,
    SecretsUnavailable,
    TenantNotFound,
    TollgateError,
    VersionStale,
)
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.lease_connection import LENGTH
from tollgate.usecases.manage_connections import (
    Client,
    ConnectionChange,
    ConnectionPorts,
    ConnectionWanted,
    add_connection,
    change_connection,
    find_connection,
    list_connections,
    remove_connection,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLIENT, ROTATED = Client(id="cid.one", secret="cs2.one"), Client(id="cid.two", secret="cs2.two")
WANTED = ConnectionWanted(
    tenant_id="bluebird",
    servicetitan_tenant_id="1001",
    environment=Environment.PRODUCTION,
    timezone=None,
    client=CLIENT,
)
ID = "production-1001"
GIVEN = Connection(
    tenant_id="servicetitan-1001",
    environment=Environment.PRODUCTION,
    servicetitan_tenant_id="1001",
    timezone="UTC",
    is_given=True,
)
ZONES = (ZoneFrom(month="1970-01", zone="UTC"), ZoneFrom(month="2026-11", zone="America/Chicago"))


@dataclass
class Office:
    connections: MemoryConnections = field(default_factory=MemoryConnections)
    secrets: MemoryConnectionSecrets = field(default_factory=MemoryConnectionSecrets)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    statuses: MemorySyncs = field(default_factory=MemorySyncs)
    table: MemoryTable = field(default_factory=MemoryTable)
    given: Connection | None = None
    has_app_key: bool = True
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.table.accounts = {name: a_tenant(name, zones=ZONES) for name in ("bluebird", "copperline")}

    @property
    def ports(self) -> ConnectionPorts:
        return ConnectionPorts(
            connections=self.connections,
            secrets=self.secrets,
            accounts=MemoryAccounts(DirectCarry(self.table)),
            leases=self.leases,
            statuses=self.statuses,
            clock=lambda: self.now,
            given=self.given,
            has_app_key=self.has_app_key,
        )

    def add(self, **changed: object) -> Connection:
        return add_connection(replace(WANTED, **changed), self.ports)  # type: ignore[arg-type]

    def change(self, connection_id: str = ID, **changed: object) -> Connection:
        return change_connection(connection_id, ConnectionChange(**changed), self.ports)  # type: ignore[arg-type]

    def remove(self, connection_id: str = ID) -> None:
        remove_connection(connection_id, self.ports)


@pytest.fixture
def office() -> Office:
    return Office()


# ---- adding --------------------------------------------------------------------------------------------------------------


def test_a_connection_is_kept_with_its_secret_beside_it(office: Office) -> None:
    added = office.add(timezone="America/Denver")

    assert added == Connection(
        tenant_id="bluebird",
        environment=Environment.PRODUCTION,
        servicetitan_tenant_id="1001",
        timezone="America/Denver",
        version=1,
        added_at=NOON,
    )
    assert office.connections.stored() == [added]
    assert office.secrets.kept == {ID: ("cid.one", "cs2.one")}


def test_without_a_zone_it_has_the_one_that_its_tenant_has_now(office: Office) -> None:
    assert office.add().timezone == "America/Chicago"


def test_one_servicetitan_tenant_is_connected_once_in_each_environment(office: Office) -> None:
    office.add()

    with pytest.raises(ConnectionExists):
        office.add(tenant_id="copperline", client=ROTATED)
    office.add(environment=Environment.INTEGRATION, client=ROTATED)

    assert office.secrets.kept == {ID: ("cid.one", "cs2.one"), "integration-1001": ("cid.two", "cs2.two")}
    assert office.connections.kept[ID].tenant_id == "bluebird"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"tenant_id": "nobody"}, TenantNotFound),
        ({"timezone": "Chicago"}, RequestInvalid),
        ({"servicetitan_tenant_id": "12a"}, RequestInvalid),
    ],
)
def test_what_cannot_be_a_connection_leaves_no_secret(
    office: Office, changed: dict[str, str], error: type[TollgateError]
) -> None:
    with pytest.raises(error):
        office.add(**changed)

    assert (office.secrets.kept, office.connections.kept, office.leases.fences) == ({}, {}, {})


def test_without_an_application_key_no_connection_is_added(office: Office) -> None:
    office.has_app_key = False

    with pytest.raises(AppKeyMissing, match="ServiceTitanSecretArn"):
        office.add()
    assert office.secrets.kept == {}


@pytest.mark.parametrize("broken", ["secrets", "connections"])
def test_what_broke_off_can_be_sent_again(office: Office, broken: str) -> None:
    store = getattr(office, broken)

    def break_off() -> None:
        store.away = True

    if broken == "secrets":
        break_off()
    office.connections.before_swap = break_off
    with pytest.raises((SecretsUnavailable, LedgerUnavailable)):
        office.add()
    store.away = False
    office.connections.before_swap = lambda: None

    added = office.add(client=ROTATED)

    assert office.connections.stored() == [added]
    assert office.secrets.kept == {ID: ("cid.two", "cs2.two")}


def test_of_two_that_add_it_at_once_the_second_is_told_to_wait_and_changes_no_secret(office: Office) -> None:
    waited: list[Exception] = []

    def the_other() -> None:
        office.connections.before_swap = lambda: None
        try:
            office.add(client=ROTATED)
        except ConnectionBusy as busy:
            waited.append(busy)

    office.connections.before_swap = the_other
    office.add()

    assert len(waited) == 1
    assert office.secrets.kept == {ID: ("cid.one", "cs2.one")}


def test_whoever_died_in_the_middle_blocks_nobody_for_long(office: Office) -> None:
    office.leases.take(f"change/{ID}", now=NOON, until=NOON + LENGTH)
    with pytest.raises(ConnectionBusy):
        office.add()

    office.now += timedelta(seconds=30)

    assert office.add().id == ID


@pytest.mark.parametrize("name", ["clientId", "clientSecret"])
@pytest.mark.parametrize("value", [" cs2.x", "cs2.x\n", "cs2\tx", "cs2.\u200bx", "x" * 501])
def test_a_credential_with_something_pasted_along_is_refused_and_not_quoted(name: str, value: str) -> None:
    both = {"id": "cid.x", "secret": "cs2.x"} | {"id" if name == "clientId" else "secret": value}

    with pytest.raises(RequestInvalid, match=f"{name} has spaces, a line break") as refused:
        Client(**both)

    assert refused.value.param == name
    assert "cs2" not in str(refused.value)


def test_a_client_s_secret_is_in_no_representation() -> None:
    assert "cs2.one" not in repr(WANTED) + repr(ConnectionChange(client=CLIENT))


# ---- changing ------------------------------------------------------------------------------------------------------------


def test_a_change_leaves_alone_what_it_does_not_name(office: Office) -> None:
    added = office.add()

    paused = office.change(is_paused=True)
    assert paused == replace(added, is_paused=True, version=2)

    moved = office.change(is_paused=False, timezone="America/Denver", tenant_id="copperline")
    assert moved == replace(added, version=3, timezone="America/Denver", tenant_id="copperline")
    assert office.connections.stored() == [moved]
    assert office.secrets.kept == {ID: ("cid.one", "cs2.one")}


def test_rotating_writes_the_new_secret_over_the_old(office: Office) -> None:
    added = office.add()

    rotated = office.change(client=ROTATED)

    assert rotated == replace(added, version=2)
    assert office.secrets.kept == {ID: ("cid.two", "cs2.two")}


def test_a_change_of_an_older_version_changes_nothing(office: Office) -> None:
    office.add()
    office.change(is_paused=True, if_version=1)

    with pytest.raises(VersionStale):
        office.change(client=ROTATED, if_version=1)

    assert office.secrets.kept == {ID: ("cid.one", "cs2.one")}
    assert office.connections.kept[ID].version == 2


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({}, RequestInvalid),
        ({"timezone": "Chicago"}, RequestInvalid),
        ({"tenant_id": "nobody"}, TenantNotFound),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    office: Office, changed: dict[str, str], error: type[TollgateError]
) -> None:
    added = office.add()

    with pytest.raises(error):
        office.change(**changed, **({"client": ROTATED} if changed else {}))

    assert office.connections.stored() == [added]
    assert office.secrets.kept == {ID: ("cid.one", "cs2.one")}


def test_a_change_that_somebody_else_overtook_is_not_told_as_done(office: Office) -> None:
    added = office.add()

    def the_other() -> None:
        office.connections.kept[ID] = replace(added, version=2, tenant_id="copperline")

    office.connections.before_swap = the_other

    with pytest.raises(LedgerUnavailable, match="somebody else"):
        office.change(is_paused=True)


# ---- removing ------------------------------------------------------------------------------------------------------------


def test_a_removed_connection_leaves_neither_record_nor_secret(office: Office) -> None:
    office.add()

    office.remove()

    assert (office.connections.kept, office.secrets.kept) == ({}, {})
    with pytest.raises(ConnectionNotFound):
        office.remove()
    assert office.add().version == 1


def test_a_removal_that_broke_off_can_be_sent_again(office: Office) -> None:
    office.add()
    office.secrets.away = True
    with pytest.raises(SecretsUnavailable):
        office.remove()
    assert office.connections.kept.keys() == {ID}

    office.secrets.away = False
    office.remove()

    assert (office.connections.kept, office.secrets.kept) == ({}, {})


# ---- the environment's own ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", [lambda office: office.change(is_paused=True), lambda office: office.remove()])
def test_the_given_connection_is_changed_where_it_was_given(office: Office, deed: Callable[[Office], object]) -> None:
    office.given = GIVEN

    with pytest.raises(ConnectionGiven, match="SERVICETITAN_TENANT_ID"):
        deed(office)
    assert (office.connections.kept, office.secrets.kept) == ({}, {})


def test_the_given_connection_is_found_and_listed_until_one_is_added_in_its_place(office: Office) -> None:
    office.given = GIVEN
    assert find_connection(ID, office.connections, GIVEN) == GIVEN
    assert list_connections(office.connections, GIVEN) == [GIVEN]

    added = office.add()

    assert find_connection(ID, office.connections, GIVEN) == added
    assert list_connections(office.connections, GIVEN) == [added]
    office.change(is_paused=True)
    office.remove()
    assert find_connection(ID, office.connections, GIVEN) == GIVEN


def test_a_list_of_one_tenant_has_only_that_one_s(office: Office) -> None:
    mine = office.add()
    office.add(tenant_id="copperline", servicetitan_tenant_id="1002")

    assert list_connections(office.connections, GIVEN, tenant_id="bluebird") == [mine]
    assert list_connections(office.connections, None, tenant_id="nobody") == []


@pytest.mark.parametrize("connection_id", ["", "production-2", "LEASES", "x" * 64])
def test_one_that_is_not_there_is_not_found(office: Office, connection_id: str) -> None:
    for ask in (
        lambda: find_connection(connection_id, office.connections, GIVEN),
        lambda: office.change(connection_id, is_paused=True),
        lambda: office.remove(connection_id),
    ):
        with pytest.raises(ConnectionNotFound):
            ask()
    assert office.leases.fences == {}
