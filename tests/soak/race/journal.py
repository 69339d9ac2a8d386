"""What each process did, line by line in a file of its own: above all the upstream's bill, which no ledger has touched."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tollgate.domain.page import Hold, Page
from tollgate.domain.posting import Posting
from tollgate.domain.tenant import TenantSettings


class Journal:
    def __init__(self, folder: Path, name: str) -> None:
        self._file = (folder / f"{name}.jsonl").open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def tries(self, tenant_id: str, posting: Posting, settings: TenantSettings) -> None:
        """Before it is sent: a hold, and the settings that it is decided by."""
        hold = posting.opens
        assert hold is not None
        self._write(
            line="try",
            tenant=tenant_id,
            key=hold.key,
            amount=hold.amount,
            model=hold.model,
            version=settings.version,
            at=posting.at.isoformat(),
            barred=posting.under_soft_cap,
        )

    def billed(self, tenant_id: str, key: str, *, held: int, cost: int) -> None:
        """Before anything is settled: what the upstream took."""
        self._write(line="bill", tenant=tenant_id, key=key, held=held, cost=cost)

    def counts(self, name: str, number: int = 1) -> None:
        self._write(line="count", name=name, number=number)

    def _write(self, **fields: Any) -> None:
        self._file.write(json.dumps(fields) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A hold as a gate sent it. `barred`: it may land only below the soft zone."""

    amount: int
    model: str
    version: int
    at: datetime
    barred: bool


@dataclass(slots=True)
class Journals:
    """All of them together. Nothing here was read from the ledger."""

    tries: dict[tuple[str, str], list[Try]] = field(default_factory=dict)
    bills: dict[tuple[str, str], int] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    def try_of(self, page: Page, hold: Hold) -> Try:
        """The try that landed: the last one like this hold. Raises AssertionError where no gate sent such a thing."""
        sent = self.tries.get((page.tenant_id, hold.key), [])
        like = [each for each in sent if (each.amount, each.model) == (hold.amount, hold.model)]
        assert like, f"NOBODY'S: the hold {hold.key} was never sent as it stands"
        return ([each for each in like if each.version == page.version] or like)[-1]

    def bill_of(self, tenant_id: str) -> dict[str, int]:
        return {key: cost for (tenant, key), cost in self.bills.items() if tenant == tenant_id and cost}


def read_journals(folder: Path) -> Journals:
    journals = Journals()
    for line in _lines(folder):
        match line.pop("line"):
            case "try":
                place = (line.pop("tenant"), line.pop("key"))
                at = datetime.fromisoformat(line.pop("at"))
                journals.tries.setdefault(place, []).append(Try(at=at, **line))
            case "bill":
                place = (line["tenant"], line["key"])
                # The same record sent by two processes is one bill.
                assert journals.bills.setdefault(place, line["cost"]) == line["cost"], f"two bills of {place}"
            case "count":
                journals.counted[line["name"]] += line["number"]
    return journals


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(text)
