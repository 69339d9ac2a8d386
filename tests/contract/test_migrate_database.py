from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.domain.migration import Migration, MigrationsDiffer
from tollgate.usecases.migrate_database import Migrated, migrate_database

FIRST = Migration(name="0001_first", sql="CREATE TABLE first (id integer); INSERT INTO first VALUES (1);")
SECOND = Migration(name="0002_second", sql="-- 100% of it\nINSERT INTO first VALUES (2);")


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


def migrate(url: str, *these: Migration) -> Migrated:
    with closing(Postgres(url)) as postgres:
        return migrate_database(these, PostgresSchema(postgres))


def in_first(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [number for (number,) in connection.execute("SELECT id FROM first ORDER BY id").fetchall()]


def test_the_second_run_finds_nothing_to_do(url: str) -> None:
    assert migrate(url, SECOND, FIRST) == Migrated(applied=("0001_first", "0002_second"), version=2)
    assert migrate(url, FIRST, SECOND) == Migrated(applied=(), version=2)
    assert in_first(url) == [1, 2]


def test_the_shipped_migrations_run_on_an_empty_database_and_then_never_again(url: str) -> None:
    shipped = migrations()

    assert migrate(url, *shipped).applied == tuple(migration.name for migration in shipped)
    assert migrate(url, *shipped).applied == ()


def test_runs_at_once_apply_each_migration_once(url: str) -> None:
    slow = replace(FIRST, sql=f"SELECT pg_sleep(0.1); {FIRST.sql}")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(url, slow, SECOND), range(4)))

    assert sorted(name for each in done for name in each.applied) == ["0001_first", "0002_second"]
    assert {each.version for each in done} == {2}
    assert in_first(url) == [1, 2]


def test_one_that_fails_leaves_nothing_behind_and_what_came_before_stays(url: str) -> None:
    broken = Migration(name="0002_broken", sql="INSERT INTO first VALUES (2); SELECT * FROM nothing;")

    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate(url, FIRST, broken)

    assert in_first(url) == [1]
    assert migrate(url, FIRST, SECOND).applied == ("0002_second",)


def test_a_changed_file_that_was_applied_is_refused(url: str) -> None:
    migrate(url, FIRST)

    with pytest.raises(MigrationsDiffer, match="0001_first"):
        migrate(url, replace(FIRST, sql=FIRST.sql + " "), SECOND)


def test_a_lower_number_that_comes_later_is_applied_and_a_newer_release_left_alone(url: str) -> None:
    jobs = Migration(name="0100_jobs", sql="CREATE TABLE jobs (id integer)")

    migrate(url, FIRST, jobs)

    assert migrate(url, FIRST, SECOND) == Migrated(applied=("0002_second",), version=100)
