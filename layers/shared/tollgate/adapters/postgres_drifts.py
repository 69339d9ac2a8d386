"""The rows of drifts in Postgres."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.drift import Drift, DriftKind, KeptDrift, Subject
from tollgate.domain.money import NanoUsd


class PostgresDrifts:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def open(self, kinds: Collection[DriftKind]) -> Sequence[KeptDrift]:
        return [_kept(row) for row in self._rows("open_drifts", {"kinds": [kind.value for kind in kinds]})]

    def see(self, drifts: Sequence[Drift], at: datetime) -> Sequence[KeptDrift]:
        if not drifts:
            return []
        # One statement cannot write a row twice.
        last = {drift.subject: drift for drift in drifts}.values()
        columns: dict[str, Any] = {
            "kind": [drift.subject.kind.value for drift in last],
            "tenant_id": [drift.subject.tenant_id for drift in last],
            "month": [f"{drift.subject.month}-01" for drift in last],
            "day": [drift.subject.day for drift in last],
            "expected": [drift.expected for drift in last],
            "found": [drift.found for drift in last],
            "detail": [json.dumps(drift.detail) for drift in last],
        }
        return [_kept(row) for row in self._rows("see_drifts", columns | {"at": at}) if row["is_new"]]

    def close(self, ids: Sequence[int], at: datetime) -> None:
        if ids:
            closing = {"ids": list(ids), "at": at}
            self._postgres.run(lambda connection: connection.execute(query("close_drifts"), closing))

    def newest(self, count: int) -> Sequence[KeptDrift]:
        return [_kept(row) for row in self._rows("newest_drifts", {"count": count})]

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
        )


def _kept(row: DictRow) -> KeptDrift:
    subject = Subject(
        kind=DriftKind(row["kind"]), tenant_id=row["tenant_id"], month=f"{row['month']:%Y-%m}", day=row["day"]
    )
    drift = Drift(
        subject=subject,
        expected=NanoUsd(row["expected_nanousd"]),
        found=NanoUsd(row["found_nanousd"]),
        detail=row["detail"],
    )
    times = {name: row[name] for name in ("first_seen_at", "last_seen_at", "closed_at")}
    return KeptDrift(id=row["id"], drift=drift, **times)
