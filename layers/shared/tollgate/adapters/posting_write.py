"""Renders any posting into one conditional `UpdateItem` (LEDGER.md, "Holding" and "Settling")."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tollgate.adapters.page_item import Item, Value, closed_value, hold_value, number, page_key, shard_of
from tollgate.domain.posting import CLOSED_MAX, Deed, Posting, Terms, terms_of
from tollgate.domain.span import to_text
from tollgate.domain.tenant import TenantSettings


@dataclass(slots=True)
class Write:
    """An update in the making; names and values are placeholders throughout, because DynamoDB reserves many words."""

    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: Item = field(default_factory=dict)
    # The same the other way round, for a name that is told again, and for a number or text that is.
    _known_names: dict[str, str] = field(default_factory=dict)
    _known_values: dict[tuple[str, str], str] = field(default_factory=dict)

    def path(self, *parts: str) -> str:
        return ".".join([self._name(part) for part in parts])

    def value(self, value: Value) -> str:
        ((kind, content),) = value.items()
        if not isinstance(content, str):
            return self._new_value(value)
        known = self._known_values.get((kind, content))
        if known is None:
            known = self._known_values[kind, content] = self._new_value(value)
        return known

    def number(self, value: int) -> str:
        return self.value(number(value))

    def add(self, path: str, change: int, *, may_be_absent: bool = False) -> None:
        """Adds to a number. `0` is added too: an attribute that a hold needs must come to be."""
        base = f"if_not_exists({path}, {self.number(0)})" if may_be_absent else path
        self.sets.append(f"{path} = {base} + {self.number(change)}")

    def request(self, table: str, key: Item) -> dict[str, object]:
        clauses = (("SET", self.sets), ("REMOVE", self.removes))
        return {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts),
            "ConditionExpression": " AND ".join(self.terms),
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": self.values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _new_value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def _name(self, part: str) -> str:
        known = self._known_names.get(part)
        if known is None:
            known = self._known_names[part] = f"#n{len(self.names)}"
            self.names[known] = part
        return known


def update_of(
    posting: Posting, settings: TenantSettings | None, *, table: str, tenant_id: str, month: str
) -> dict[str, object]:
    """The `UpdateItem` of a posting. Only a hold needs `settings`: nothing else is refused for want of room."""
    write = Write()
    if posting.deed is not Deed.TOMBSTONE:
        _move(write, posting)
    _leave_span(write, posting)
    _change_maps(write, posting)
    _set_due(write, posting, tenant_id)
    _TERMS[posting.deed](write, posting)
    if posting.opens is not None:
        assert settings is not None, "a hold is decided by settings"
        _add_hold_terms(write, posting, terms_of(settings, posting, month))
    return write.request(table, page_key(tenant_id, month))


def _move(write: Write, posting: Posting) -> None:
    day = posting.day
    opens = posting.deed is Deed.HOLD
    write.add(write.path("used"), posting.used)
    write.add(write.path(f"used_{day}"), posting.used, may_be_absent=True)
    write.add(write.path("tokens_used"), posting.tokens)
    write.add(write.path(f"tokens_used_{day}"), posting.tokens, may_be_absent=True)
    if not opens:
        write.add(write.path("spent"), posting.spent)
        write.add(write.path(f"spent_{day}"), posting.spent, may_be_absent=True)
    if posting.agent is not None:
        write.add(write.path("agents", posting.agent, "used"), posting.used)
        write.add(write.path("agents", posting.agent, f"used_{day}"), posting.used, may_be_absent=True)
        if not opens:
            write.add(write.path("agents", posting.agent, "spent"), posting.spent)
            write.add(write.path("agents", posting.agent, f"spent_{day}"), posting.spent, may_be_absent=True)


def _leave_span(write: Write, posting: Posting) -> None:
    if posting.span is None:
        write.removes.append(write.path("span"))
        return
    write.sets.append(f"{write.path('span')} = {write.value({'S': to_text(posting.span)})}")
    write.add(write.path("seq"), 1)


def _change_maps(write: Write, posting: Posting) -> None:
    if posting.opens is not None:
        write.sets.append(f"{write.path('holds', posting.key)} = {write.value(hold_value(posting.opens))}")
        write.add(write.path(f"r{posting.minute}"), 1, may_be_absent=True)
    if posting.closes is not None:
        write.removes.append(write.path("holds", posting.key))
    if posting.buries is not None:
        write.sets.append(f"{write.path('closed', posting.key)} = {write.value(closed_value(posting.buries))}")
    write.removes.extend(write.path(f"r{minute}") for minute in posting.minutes)
    write.removes.extend(write.path("closed", key) for key in posting.keys if key != posting.key)


def _set_due(write: Write, posting: Posting, tenant_id: str) -> None:
    due = posting.due
    if due is None:
        return
    for name, value in (("due", number(due)), ("due_shard", {"S": shard_of(tenant_id)})):
        path = write.path(name)
        write.sets.append(f"{path} = if_not_exists({path}, {write.value(value)})")


# ---- what must be true ------------------------------------------------------------------------------------------------------


def _key_is_free(write: Write, posting: Posting) -> None:
    write.terms.append(f"attribute_exists({write.path('seq')})")
    write.terms.append(f"attribute_not_exists({write.path('holds', posting.key)})")
    write.terms.append(f"attribute_not_exists({write.path('closed', posting.key)})")


def _hold_is_there(write: Write, posting: Posting) -> None:
    hold = posting.closes
    assert hold is not None
    for name, value in (("a", number(hold.amount)), ("d", {"S": hold.day}), ("k", {"S": hold.kind.value})):
        write.terms.append(f"{write.path('holds', posting.key, name)} = {write.value(value)}")


def _closed_says(write: Write, posting: Posting) -> None:
    assert posting.was_booked is not None
    write.terms.append(f"{write.path('closed', posting.key, 'c')} = {write.number(posting.was_booked)}")


def _page_is_there(write: Write, posting: Posting) -> None:
    write.terms.append(f"attribute_exists({write.path('seq')})")
    if posting.agent is not None:
        write.terms.append(f"attribute_exists({write.path('agents', posting.agent)})")


_TERMS: dict[Deed, Callable[[Write, Posting], None]] = {
    Deed.HOLD: _key_is_free,
    Deed.TOMBSTONE: _key_is_free,
    Deed.SETTLE: _hold_is_there,
    Deed.VOID: _hold_is_there,
    Deed.EXPIRE: _hold_is_there,
    Deed.LAPSE: _hold_is_there,
    Deed.CANCEL: _hold_is_there,
    Deed.LATE: _closed_says,
    Deed.RECORD: _page_is_there,
}


def _add_hold_terms(write: Write, posting: Posting, terms: Terms) -> None:
    """Each term that the settings ask for. A missing attribute compares false, so a day or minute that nobody has touched needs a
    branch of its own, which stands only where the bound admits a page that has nothing yet."""
    day, agent = posting.day, posting.agent
    write.terms.append(f"{write.path('version')} = {write.number(terms.version)}")
    _at_most(write, ("used",), terms.month_room)
    _at_most(write, (f"used_{day}",), terms.day_room, may_be_absent=True)
    _at_most(write, ("tokens_used",), terms.month_token_room)
    _at_most(write, (f"tokens_used_{day}",), terms.day_token_room, may_be_absent=True)
    if agent is not None:
        _at_most(write, ("agents", agent, "used"), terms.agent_month_room)
        _at_most(write, ("agents", agent, f"used_{day}"), terms.agent_day_room, may_be_absent=True)
    write.terms.append(f"size({write.path('holds')}) < {write.number(terms.in_flight)}")
    write.terms.append(f"size({write.path('closed')}) < {write.number(CLOSED_MAX)}")
    _less_than(write, f"r{posting.minute}", terms.per_minute, may_be_absent=True)
    _less_than(write, "spent", terms.month_soft)
    _less_than(write, f"spent_{day}", terms.day_soft, may_be_absent=True)


def _at_most(write: Write, parts: tuple[str, ...], room: int | None, *, may_be_absent: bool = False) -> None:
    if room is None:
        return
    path = write.path(*parts)
    term = f"{path} <= {write.number(room)}"
    write.terms.append(f"(attribute_not_exists({path}) OR {term})" if may_be_absent and room >= 0 else term)


def _less_than(write: Write, name: str, bound: int | None, *, may_be_absent: bool = False) -> None:
    if bound is None:
        return
    path = write.path(name)
    term = f"{path} < {write.number(bound)}"
    write.terms.append(f"(attribute_not_exists({path}) OR {term})" if may_be_absent and bound > 0 else term)
