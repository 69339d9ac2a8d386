"""A page as a DynamoDB item, and back: the only place that knows the table's attributes (LEDGER.md, "Two kinds of item")."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, Closed, Hold, HoldKind, Page, Use

Value = dict[str, Any]
Item = dict[str, Value]

SHARDS = 8


def tenant_key(tenant_id: str) -> str:
    return f"TENANT#{tenant_id}"


def month_key(month: str) -> str:
    return f"MONTH#{month}"


def page_key(tenant_id: str, month: str) -> Item:
    return {"pk": {"S": tenant_key(tenant_id)}, "sk": {"S": month_key(month)}}


def shard_of(tenant_id: str) -> str:
    """The tenant's part of the sweep's index: stable, so that each page stays in one shard."""
    return str(sum(tenant_id.encode()) % SHARDS)


def number(value: int) -> Value:
    return {"N": str(value)}


def hold_value(hold: Hold) -> Value:
    value: Item = {
        "a": number(hold.amount),
        "t": number(hold.tokens),
        "d": {"S": hold.day},
        "o": number(hold.opened_at),
        "e": number(hold.expires_at),
        "k": {"S": hold.kind.value},
        "m": {"S": hold.model},
    }
    if hold.agent is not None:
        value["g"] = {"S": hold.agent}
    if hold.counted:
        value["n"] = {"BOOL": True}
    return {"M": value}


def closed_value(closed: Closed) -> Value:
    value: Item = {
        "c": number(closed.booked),
        "t": number(closed.tokens),
        "d": {"S": closed.day},
        "u": number(closed.until),
    }
    if closed.agent is not None:
        value["g"] = {"S": closed.agent}
    return {"M": value}


def new_page_item(tenant_id: str, month: str, *, version: int, agents: Mapping[str, object]) -> Item:
    """A page that nothing was booked on yet."""
    return page_key(tenant_id, month) | {
        "version": number(version),
        "used": number(0),
        "spent": number(0),
        "tokens_used": number(0),
        "seq": number(0),
        "epoch": number(0),
        "agents": {"M": {label: new_agent_value() for label in agents}},
        "holds": {"M": {}},
        "closed": {"M": {}},
    }


def new_agent_value() -> Value:
    return {"M": {"used": number(0), "spent": number(0)}}


def body_of(page: Page) -> Item:
    """All that postings move: neither the settings' version nor the epoch, and not what only the sweep's index needs."""
    body = _use_values(page.use, "") | {"tokens_used": number(page.use.tokens), "seq": number(page.seq)}
    for day, use in page.days.items():
        body |= _use_values(use, f"_{day}") | {f"tokens_used_{day}": number(use.tokens)}
    return body | {
        "agents": {"M": {label: _agent_value(use) for label, use in page.agents.items()}},
        "holds": {"M": {key: hold_value(hold) for key, hold in page.holds.items()}},
        "closed": {"M": {key: closed_value(entry) for key, entry in page.closed.items()}},
    }


def _agent_value(use: AgentUse) -> Value:
    value = _use_values(use.month, "")
    for day, spent in use.days.items():
        value |= _use_values(spent, f"_{day}")
    return {"M": value}


def _use_values(use: Use, suffix: str) -> Item:
    return {f"used{suffix}": number(use.used), f"spent{suffix}": number(use.spent)}


def page_of(item: Item) -> Page:
    return Page(
        tenant_id=item["pk"]["S"].removeprefix("TENANT#"),
        month=item["sk"]["S"].removeprefix("MONTH#"),
        version=_int(item, "version"),
        use=_use(item, ""),
        days=_days(item),
        agents={label: _agent(value["M"]) for label, value in item["agents"]["M"].items()},
        minutes={
            int(name[1:]): int(value["N"]) for name, value in item.items() if name[0] == "r" and name[1:].isdigit()
        },
        holds={key: _hold(key, value["M"]) for key, value in item["holds"]["M"].items()},
        closed={key: _closed(value["M"]) for key, value in item["closed"]["M"].items()},
        seq=_int(item, "seq"),
        epoch=_int(item, "epoch"),
        span=item["span"]["S"] if "span" in item else None,
        due=_int(item, "due") if "due" in item else None,
    )


def _days(item: Item) -> dict[str, Use]:
    return {name[-2:]: _use(item, f"_{name[-2:]}") for name in item if name.startswith("used_")}


def _use(item: Item, suffix: str) -> Use:
    return Use(
        used=NanoUsd(_int(item, f"used{suffix}")),
        spent=NanoUsd(_int(item, f"spent{suffix}")),
        tokens=_int(item, f"tokens_used{suffix}"),
    )


def _agent(value: Item) -> AgentUse:
    return AgentUse(month=_use(value, ""), days=_days(value))


def _hold(key: str, value: Item) -> Hold:
    return Hold(
        key=key,
        kind=HoldKind(value["k"]["S"]),
        amount=NanoUsd(_int(value, "a")),
        tokens=_int(value, "t"),
        day=value["d"]["S"],
        opened_at=_int(value, "o"),
        expires_at=_int(value, "e"),
        model=value["m"]["S"],
        agent=value["g"]["S"] if "g" in value else None,
        counted="n" in value,
    )


def _closed(value: Item) -> Closed:
    return Closed(
        booked=NanoUsd(_int(value, "c")),
        tokens=_int(value, "t"),
        day=value["d"]["S"],
        until=_int(value, "u"),
        agent=value["g"]["S"] if "g" in value else None,
    )


def _int(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
