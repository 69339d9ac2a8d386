"""What pages of the ledger said, beside the sums of their spans, and what is known of the spans that are missing."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.money import NanoUsd
from tollgate.domain.reading import BooksState, Missed, Reading, Stored, unexplained_of


class PostgresComparison:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def readings(self) -> Sequence[Reading]:
        return [_reading(row) for row in self._postgres.run(lambda connection: _rows(connection, "read_readings", {}))]

    def keep(self, reading: Reading) -> None:
        values = _page(reading) | {
            "epoch": reading.epoch, "spent": reading.spent, "days": json.dumps(reading.days), "read_at": reading.read_at,
        }  # fmt: skip
        self._postgres.run(lambda connection: connection.execute(query("keep_reading"), values))

    def note_compared(self, reading: Reading, at: datetime) -> None:
        self._postgres.run(lambda connection: connection.execute(query("note_compared"), _page(reading) | {"at": at}))

    def state(self) -> BooksState:
        [row] = self._postgres.run(lambda connection: _rows(connection, "books_state", {}))
        return BooksState(**row)

    def stored(self, reading: Reading) -> Stored:
        return self._postgres.run(lambda connection: _stored(connection, reading))

    def miss(self, reading: Reading, at: datetime) -> Sequence[Missed]:
        def work(connection: Connection[TupleRow]) -> list[Missed]:
            connection.execute(query("lock_missing"))
            connection.execute(query("note_missing"), _page(reading) | {"at": at})
            return [Missed(**row) for row in _rows(connection, "find_missing", _page(reading))]

        return self._postgres.run(work)

    def book_unexplained(self, reading: Reading, at: datetime) -> Mapping[str, NanoUsd]:
        def work(connection: Connection[TupleRow]) -> dict[str, NanoUsd]:
            connection.execute(query("lock_missing"))
            before = _rows(connection, "day_before_gap", _page(reading))
            otherwise = f"{before[0]['day']:%d}" if before else "01"
            amounts = unexplained_of(reading, _stored(connection, reading), otherwise=otherwise)
            booked = {
                "at": at,
                "days": [date.fromisoformat(f"{reading.month}-{day}") for day in amounts],
                "amounts": list(amounts.values()),
            }
            connection.execute(query("book_unexplained"), _page(reading) | booked)
            return amounts

        return self._postgres.run(work)

    def forget(self, before: str) -> None:
        def work(connection: Connection[TupleRow]) -> None:
            for name in ("forget_readings", "forget_missing"):
                connection.execute(query(name), {"before": f"{before}-01"})

        self._postgres.run(work)


def _page(reading: Reading) -> dict[str, Any]:
    return {"tenant_id": reading.tenant_id, "month": f"{reading.month}-01", "seq": reading.seq}


def _stored(connection: Connection[TupleRow], reading: Reading) -> Stored:
    days = _rows(connection, "sum_page", _page(reading))
    [numbers] = _rows(connection, "count_numbers", _page(reading))
    return Stored(
        days={f"{row['day']:%d}": NanoUsd(row["spent"]) for row in days if row["spent"] is not None},
        spans=sum(row["spans"] for row in days),
        newest=max((row["newest"] for row in days), default=0),
        **numbers,
    )


def _reading(row: DictRow) -> Reading:
    same = {name: row[name] for name in ("tenant_id", "epoch", "seq", "read_at")}
    days = {day: NanoUsd(spent) for day, spent in row["spent_by_day"].items()}
    return Reading(month=f"{row['month']:%Y-%m}", spent=NanoUsd(row["spent_nanousd"]), days=days, **same)


def _rows(connection: Connection[TupleRow], name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
    return connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
