"""Each function connects as a role of its own, which can do what the function does, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.fakes.jobs import SHOP, a_job, a_page
from tests.fakes.spans import NOON, placed
from tests.infra.template import functions, variables
from tollgate.adapters.postgres import Postgres, query
from tollgate.adapters.postgres_bill import PostgresBill
from tollgate.adapters.postgres_books import PostgresBooks
from tollgate.adapters.postgres_comparison import PostgresComparison
from tollgate.adapters.postgres_drifts import PostgresDrifts
from tollgate.adapters.postgres_jobs import PostgresJobs
from tollgate.adapters.postgres_months import PostgresMonths
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_runs import SUM_RUNS, judged_runs, seen_runs
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.job import Feed, FeedPass, SourceFault
from tollgate.domain.money import NanoUsd
from tollgate.domain.reading import Reading
from tollgate.domain.rollup import Stretch
from tollgate.domain.summary import GroupBy, SpendQuery, TenantsQuery
from tollgate.usecases.migrate_database import migrate_database
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new

Deed = Callable[[Postgres], object]
Connect = Callable[[str], Postgres]

DAY = timedelta(days=1)
QUERY = SpendQuery(
    tenant_id="acme-hvac",
    start=NOON,
    end=NOON + DAY,
    edges=(NOON,),
    group_by=GroupBy.MODEL,
    first_day=date(2026, 11, 1),
    last_day=date(2026, 11, 30),
)
TENANTS = TenantsQuery(start=NOON, end=NOON + DAY, after="", limit=9)
READING = Reading(
    tenant_id="acme-hvac", month="2026-11", epoch=0, seq=3, spent=NanoUsd(9), days={"05": NanoUsd(9)}, read_at=NOON
)
FEED_PASS = FeedPass(feed=Feed.CALLS)


def store_page(postgres: Postgres) -> object:
    again = FeedPass(feed=Feed.JOBS, is_overlap=True)
    page = a_page(a_job(1), ends="1")
    return PostgresJobs(postgres).store_page(SHOP.id, again, page, previous=None, at=NOON)


def read_outcomes(postgres: Postgres) -> object:
    """As of a tenant with a business."""
    parameters = {"tenant_id": "acme-hvac", "start": NOON, "end": NOON + DAY, **seen_runs(QUERY), **judged_runs()}
    jobs = {"connection_ids": ["shop"], "ids": [1]}
    return postgres.run(
        lambda connection: (connection.execute(SUM_RUNS, parameters), connection.execute(query("linked_jobs"), jobs))
    )


def drop_old_month(postgres: Postgres) -> object:
    months = PostgresMonths(postgres)
    return months.months_before("2026-11"), months.drop_month("2024-01")


def book_what_is_lost(postgres: Postgres) -> object:
    comparison = PostgresComparison(postgres)
    comparison.keep(READING)
    comparison.miss(READING, NOON)
    comparison.book_unexplained(READING, NOON)
    comparison.note_compared(READING, NOON)
    comparison.forget("2024-01")
    return comparison.state()


def store_bill(postgres: Postgres) -> object:
    bill = PostgresBill(postgres)
    bill.note_projects({"acme-hvac": "proj_acme"}, NOON)
    bill.close_day(NOON.date(), NOON)
    return (
        bill.billed(NOON.date()),
        bill.span_days(["acme-hvac"], NOON.date()),
        bill.calls("acme-hvac", NOON, NOON + DAY),
        bill.has_gaps("acme-hvac", NOON, NOON + DAY, {"2026-11": 1}),
        bill.recent(NOON, NOON + DAY),
    )


DEEDS: dict[str, tuple[Deed, ...]] = {
    "tollgate_writer": (lambda postgres: PostgresSpans(postgres).add([placed(2)]),),
    "tollgate_reader": (
        lambda postgres: PostgresRollups(postgres).spend(QUERY),
        lambda postgres: PostgresRollups(postgres).outcomes(QUERY),
        read_outcomes,
        lambda postgres: PostgresRollups(postgres).watermark(),
        lambda postgres: PostgresRollups(postgres).kept_since(),
        lambda postgres: PostgresRollups(postgres).spend_of_all(TENANTS),
        lambda postgres: PostgresSpans(postgres).spent_by_page(),
        lambda postgres: PostgresBooks(postgres).books_of("2026-11"),
        lambda postgres: PostgresBooks(postgres).spans_after("acme-hvac", "2026-11", seq=0, last=None, count=9),
        lambda postgres: PostgresBooks(postgres).record_spans("acme-hvac", "2026-11", since=NOON),
        lambda postgres: PostgresDrifts(postgres).newest(9),
        lambda postgres: PostgresComparison(postgres).state(),
    ),
    "tollgate_rollup": (
        lambda postgres: roll_up_new(PostgresSpans(postgres), PostgresRollups(postgres), now=NOON),
        lambda postgres: roll_up_again(PostgresRollups(postgres), Stretch(start=NOON, end=NOON + DAY)),
        lambda postgres: PostgresSpans(postgres).gaps(date(2026, 11, 1)),
        lambda postgres: PostgresSpans(postgres).without_partition(),
        drop_old_month,
        lambda postgres: PostgresBooks(postgres).books_of("2026-11"),
    ),
    "tollgate_books": (
        book_what_is_lost,
        store_bill,
        lambda postgres: PostgresComparison(postgres).readings(),
        lambda postgres: PostgresBooks(postgres).books_of("2026-11"),
    ),
    "tollgate_jobs": (
        store_page,
        lambda postgres: PostgresJobs(postgres).begin(SHOP, at=NOON),
        lambda postgres: PostgresJobs(postgres).note_failure(
            SHOP.id, FEED_PASS, fault=SourceFault.UNAVAILABLE, message="none", at=NOON
        ),
    ),
}
BOOKS_ALONE: tuple[Deed, ...] = (book_what_is_lost, store_bill)
FORBIDDEN: dict[str, tuple[Deed, ...]] = {
    "tollgate_writer": (*DEEDS["tollgate_reader"], *DEEDS["tollgate_rollup"], *DEEDS["tollgate_jobs"], *BOOKS_ALONE),
    "tollgate_reader": (
        *DEEDS["tollgate_writer"],
        *BOOKS_ALONE,
        store_page,
        lambda postgres: PostgresRollups(postgres).add_new(),
        lambda postgres: PostgresMonths(postgres).drop_month("2024-01"),
        lambda postgres: PostgresSpans(postgres).make_partitions(date(2026, 11, 1)),
    ),
    "tollgate_rollup": (*DEEDS["tollgate_writer"], *DEEDS["tollgate_jobs"], *BOOKS_ALONE),
    "tollgate_books": (*DEEDS["tollgate_jobs"], lambda postgres: PostgresRollups(postgres).add_new(), drop_old_month),
    "tollgate_jobs": (
        *DEEDS["tollgate_writer"],
        lambda postgres: PostgresRollups(postgres).spend(QUERY),
        read_outcomes,
        lambda postgres: PostgresRollups(postgres).add_new(),
    ),
}
OWNERS_ALONE = (
    "UPDATE spans SET cost_nanousd = 0",
    "DELETE FROM spans",
    "TRUNCATE spans",
    "DROP TABLE spans_default",
    "DELETE FROM spans_default",
    "CREATE TABLE mine (id integer)",
    "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'x', 'x')",
)


@pytest.fixture
def connect(database: str) -> Iterator[Connect]:
    opened: list[Postgres] = []

    def as_role(role: str) -> Postgres:
        opened.append(Postgres(database, user=role))
        return opened[-1]

    with closing(Postgres(database)) as owner:
        PostgresSpans(owner).add([placed(1)])
    yield as_role
    for each in opened:
        each.close()


def cases(table: dict[str, tuple[Deed, ...]]) -> list[Any]:
    return [pytest.param(role, deed, id=f"{role}-{n}") for role, deeds in table.items() for n, deed in enumerate(deeds)]


@pytest.mark.parametrize(("role", "deed"), cases(DEEDS))
def test_a_role_does_its_work(connect: Connect, role: str, deed: Deed) -> None:
    deed(connect(role))


@pytest.mark.parametrize(("role", "deed"), cases(FORBIDDEN))
def test_a_role_cannot_do_another_s_work(connect: Connect, role: str, deed: Deed) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        deed(connect(role))


@pytest.mark.parametrize("role", DEEDS)
@pytest.mark.parametrize("statement", OWNERS_ALONE)
def test_nobody_changes_or_drops_what_is_written(connect: Connect, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect(role).run(lambda connection: connection.execute(statement.encode()))


def test_a_late_span_is_found_once_by_the_writer_s_own_rights(connect: Connect) -> None:
    writer = PostgresSpans(connect("tollgate_writer"))

    first, again = writer.add([placed(1), placed(7)]), writer.add([placed(7)])

    assert (first.count, first.oldest_at, again.count) == (1, NOON, 0)


def test_a_partition_made_by_the_schedule_is_the_owner_s_and_is_written_to(connect: Connect, database: str) -> None:
    PostgresSpans(connect("tollgate_rollup")).make_partitions(date(2031, 5, 1))
    at = datetime(2031, 5, 2, tzinfo=UTC)

    assert PostgresSpans(connect("tollgate_writer")).add([placed(1, month="2031-05", at=at, day="02")]).count == 1

    with psycopg.connect(database) as connection:
        owners = "SELECT tableowner FROM pg_tables WHERE tablename = 'spans_2031_05'"
        assert connection.execute(owners).fetchall() == [("tollgate",)]
        assert connection.execute("SELECT count(*) FROM spans_2031_05").fetchall() == [(1,)]


def test_rights_that_somebody_added_by_hand_are_taken_back_by_the_next_deployment(
    connect: Connect, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("GRANT ALL ON spans, span_rollups TO tollgate_writer")

    with closing(Postgres(database)) as owner:
        migrate_database(migrations(), PostgresSchema(owner))

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect("tollgate_writer").run(lambda connection: connection.execute("DELETE FROM spans"))


def test_roles_may_connect_by_iam_where_the_server_knows_of_it(database: str) -> None:
    member = "SELECT pg_has_role(rolname, 'rds_iam', 'MEMBER') FROM pg_roles WHERE rolname LIKE 'tollgate\\_%'"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE rds_iam")
        try:
            with closing(Postgres(database)) as owner:
                migrate_database(migrations(), PostgresSchema(owner))
                migrate_database(migrations(), PostgresSchema(owner))
            assert set(connection.execute(member.encode()).fetchall()) == {(True,)}
        finally:
            connection.execute("DROP ROLE rds_iam")


def test_every_function_that_asks_postgres_connects_as_one_of_these_roles() -> None:
    asking = {name: function for name, function in functions().items() if "DATABASE_URL" in variables(function)}
    users = {
        name: function["Environment"]["Variables"]["DATABASE_USER"]
        for name, function in asking.items()
        if name != "MigrateDatabase"
    }

    assert {user["Fn::If"][1] for user in users.values()} == DEEDS.keys()
    for name, user in users.items():
        role = user["Fn::If"][1]
        assert user == {"Fn::If": ["HasRoles", role, ""]}
        allowed = [
            statement["Resource"]["Fn::Sub"]
            for policy in asking[name]["Policies"]
            for statement in policy["Statement"]
            if statement["Action"] == "rds-db:connect"
        ]
        assert len(allowed) == 1
        assert allowed[0].endswith("dbuser:${State.Outputs.DatabaseResourceId}/" + role)
