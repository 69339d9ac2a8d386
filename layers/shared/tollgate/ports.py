"""What the use cases need of the world. Each port has an adapter, and a fake that obeys the same contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

# Every function imports this file, and none needs the whole domain: making its classes is a tenth of a second of a cold start.
if TYPE_CHECKING:
    from tollgate.domain.breaker import Breaker
    from tollgate.domain.call_labels import CallLabels
    from tollgate.domain.connection import Connection
    from tollgate.domain.drift import Drift, DriftKind, KeptDrift
    from tollgate.domain.idempotency import Attempt, KeptAnswer, KeptCall
    from tollgate.domain.job import Cursor, Feed, FeedPage, FeedPass, SourceFault
    from tollgate.domain.migration import Migration
    from tollgate.domain.model import Model
    from tollgate.domain.money import NanoUsd
    from tollgate.domain.outcome import UpstreamResult
    from tollgate.domain.page import Page
    from tollgate.domain.past_page import PageBooks, PastPage
    from tollgate.domain.place import Delivery, Gap, PageSpend, Place, PlacedSpan
    from tollgate.domain.posting import Posting
    from tollgate.domain.price import Price
    from tollgate.domain.provider_bill import BilledDay, ProviderCost, ProviderUsage, SpanDay, Width
    from tollgate.domain.reading import BooksState, Missed, Reading, Stored
    from tollgate.domain.refused import RefusedHour
    from tollgate.domain.replay import GivenUp
    from tollgate.domain.rollup import Progress, Stretch
    from tollgate.domain.summary import SpendFound, SpendQuery, TenantsFound, TenantsQuery
    from tollgate.domain.sync_plan import SyncStatus
    from tollgate.domain.tenant import TenantSettings
    from tollgate.domain.unsettled_call import Finding, KnownCall, Question

# ---- the ledger -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The write is in the books; `page` is as it left it. `unanswered`: some try of it had no answer, and may land yet."""

    page: Page
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The page did not take the write; it is here as it stood, or None where there is none."""

    page: Page | None
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """No try had a clear answer. `unanswered`: at least one was sent, and may land yet."""

    unanswered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What makes a record count once: its id, a hash of its content, and the answer that a repetition gets.

    `content_hash` is empty in one that was made from its span, which does not say what the caller sent: then any content is the same.
    """

    record_id: str
    content_hash: str
    cost_nanousd: int
    hold: str
    expires_at: int


class Ledger(Protocol):
    """The pages. Every write is conditional, and may be sent again."""

    def post(
        self,
        posting: Posting,
        settings: TenantSettings | None,
        *,
        tenant_id: str,
        month: str,
        until: datetime | None = None,
    ) -> Posted | Refused | Unreachable:
        """Tries a hold at most three times; anything else, given `until`, as long as that allows."""

    def post_record(self, posting: Posting, record: Record, *, tenant_id: str, month: str) -> Posted | Refused | Record:
        """The posting and the record in one transaction; the Record that is there already where it is. Raises LedgerUnavailable."""

    def read_page(self, tenant_id: str, month: str) -> Page | None:
        """Strongly consistent. Raises LedgerUnavailable."""

    def open_page(self, settings: TenantSettings, month: str) -> bool:
        """Puts the page if it is absent and the account still has this version; False where it has another. Raises LedgerUnavailable."""

    def read_record(self, tenant_id: str, record_id: str) -> Record | None:
        """Strongly consistent. Raises LedgerUnavailable."""

    def due_pages(self, before: datetime) -> Sequence[tuple[str, str]]:
        """(tenant id, month) of the pages where something was due before then. Raises LedgerUnavailable."""

    def set_due(self, page: Page, *, keys: Sequence[str], minutes: Sequence[int], due: int | None) -> bool:
        """Removes tombstones and minutes past their time and sets when the page is due again, if `due` is still the one seen; None
        only where nothing is held or closed any more. Raises LedgerUnavailable."""

    def drop_days(self, page: Page, days: Sequence[str]) -> bool:
        """Removes the numbers of past days, if the page has not moved since it was read. Raises LedgerUnavailable."""

    def forget_closed(self, tenant_id: str, month: str, keys: Mapping[str, int]) -> bool:
        """Removes tombstones (key -> until) that are past their time, so that new ones fit. Raises LedgerUnavailable."""


class Accounts(Protocol):
    """The tenants' settings."""

    def read(self, tenant_id: str) -> TenantSettings | None:
        """Strongly consistent. Raises LedgerUnavailable."""

    def create(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        """False where the tenant is there already. Raises LedgerUnavailable."""

    def change(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        """Puts settings over their version - 1, with the pages of `months`, in one transaction; False where any of it moved meanwhile.
        Raises LedgerUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A key as it is stored: never itself, only its SHA-256 (hexadecimal). `expires_at`: UTC or None."""

    key_id: str
    secret_hash: str
    role: str
    tenant_id: str | None
    name: str
    created_at: datetime
    expires_at: datetime | None = None


class Keys(Protocol):
    def put(self, entry: KeyEntry) -> None:
        """Raises LedgerUnavailable."""

    def read(self, key_id: str) -> KeyEntry | None:
        """Raises LedgerUnavailable."""

    def remove(self, key_id: str) -> bool:
        """False where it is not there. Raises LedgerUnavailable."""

    def list(self) -> Sequence[KeyEntry]:
        """Raises LedgerUnavailable."""


class Refusals(Protocol):
    """How many calls were refused, at least: what an environment has counted and not yet written ends with it."""

    def add(self, tenant_id: str, hours: Sequence[RefusedHour]) -> bool:
        """Not to be sent again where it raises, or calls would count twice; False: nothing was added, so that it can be.
        Raises LedgerUnavailable."""

    def between(self, tenant_id: str, start: datetime, end: datetime) -> Sequence[RefusedHour]:
        """Those hours that begin from `start` on and before `end`, in order. Raises LedgerUnavailable."""


# ---- models and prices ------------------------------------------------------------------------------------------------------


class PriceBook(Protocol):
    def price_of(self, model: str, at: datetime) -> Price:
        """For a call that is to be made at that time. Raises ModelNotPriced; ModelGone where it cannot be made any more."""

    def price_of_spent(self, model: str, at: datetime) -> Price:
        """For a call that was made, whatever became of the model. Raises ModelNotPriced."""

    def model_of(self, model: str) -> Model:
        """What it is and can do. Raises ModelNotPriced."""

    def models(self, at: datetime) -> Sequence[str]:
        """The names of those that are served at that time."""

    def in_place_of(self, model: str, at: datetime) -> str | None:
        """The model itself while it is served, then what replaces it; None where nothing does."""


class ModelSource(Protocol):
    def ends(self) -> Mapping[str, date | None]:
        """The day from which each model that the provider lists is not served; None: no end is known. Raises ModelSourceFailed."""


class ModelEnds(Protocol):
    def read(self) -> Mapping[str, date | None]:
        """Raises LedgerUnavailable."""

    def write(self, ends: Mapping[str, date | None], at: datetime) -> None:
        """In place of what was stored. Raises LedgerUnavailable."""


class TokenCounter(Protocol):
    def count(self, texts: Sequence[str]) -> int:
        """Tokens of these texts by the newest known encoding, exact for ordinary text and never too few."""


class Listener(Protocol):
    """Who hears a stream while it comes. Raises nothing: a call is settled, whoever listens."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """The provider has begun to answer, under these headers of its own."""

    def hear(self, chunk: Mapping[str, Any]) -> None:
        """The provider's next event."""


class Upstream(Protocol):
    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        """One call of the provider's route `path`, never tried twice where it may have been billed. A stream is read to its end,
        whoever listens. Raises nothing: failures are results."""


# ---- spans ----------------------------------------------------------------------------------------------------------


class SpansRefused(Exception):
    """The data of at least one of the spans is refused, and so none of them was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """How many spans were new, and when the oldest of those was posted."""

    count: int
    oldest_at: datetime | None = None


class SpanStore(Protocol):
    """Postgres. Everything can be done twice. Every method raises SpansUnavailable where it cannot be asked."""

    def add(self, spans: Sequence[PlacedSpan]) -> Added:
        """All or none; one that is there already, or comes twice, is passed over. Raises SpansRefused."""

    def gaps(self, since: date) -> Sequence[Gap]:
        """Numbers that no span has, on the pages from the month of `since` on."""

    def spent_by_page(self) -> Sequence[PageSpend]:
        """The sum of spans of every page, by tenant and month."""

    def make_partitions(self, first: date) -> None:
        """Those of the month of `first` and of the three after it, where they are missing."""

    def without_partition(self) -> int:
        """How many spans wait in the default partition, counted up to a thousand."""

    def ping(self, timeout: timedelta) -> None:
        """An answer within this time, or SpansUnavailable."""


class Rollups(Protocol):
    """Sums of spans in Postgres, and what is known of spend from these and the spans that they lack. Raises SpansUnavailable."""

    def add_new(self) -> Progress:
        """The next slice of spans that the rollups lack, and the watermark behind them, at once. Two runs at once take turns."""

    def sum_day_again(self, day: Stretch) -> int:
        """Puts the sums of a day of UTC in the place of what is there; how many spans it has. The watermark stays."""

    def sum_month_again(self, month: date) -> None:
        """The same for the tenants' own days of a month, unless its spans were dropped."""

    def watermark(self) -> datetime | None:
        """None before the first roll-up."""

    def kept_since(self) -> datetime | None:
        """Spans posted later than this are all there; None where none were dropped."""

    def spend(self, asked: SpendQuery) -> SpendFound:
        """From rollups and spans, as they are at one instant."""

    def spend_of_all(self, asked: TenantsQuery) -> TenantsFound:
        """The same, of every tenant."""


class Poison(Protocol):
    def put_aside(self, delivery: Delivery, fault: str) -> None:
        """Keeps what cannot be stored, whole, under the delivery's name. Where it raises, the batch must come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of the spans that a sink was offered. `done`: no longer to be offered, because the sink has them or never will;
    `refused`: how many of those it never will. The rest it could not take now."""

    done: Sequence[Place]
    refused: int = 0


class SpanSink(Protocol):
    """Somewhere else that spans go, for others to look at. It may be sent a span twice."""

    @property
    def name(self) -> str: ...

    def send(self, spans: Sequence[PlacedSpan], *, until: datetime) -> Sent:
        """Begins nothing after `until`. Raises nothing: what failed is not in `done`."""


class Schema(Protocol):
    """The database's schema. Raises SpansUnavailable."""

    def applied(self) -> Mapping[int, str]:
        """Number -> checksum."""

    def apply(self, migration: Migration) -> bool:
        """In one transaction with its entry in the history; False where it is there already. Raises MigrationsDiffer."""

    def give_rights(self) -> None:
        """Makes the roles that functions connect as, where they are missing, and gives each its rights, and no others."""


class Clock(Protocol):
    def __call__(self) -> datetime: ...


# ---- jobs from ServiceTitan -------------------------------------------------------------------------------------------------


class Connections(Protocol):
    """Without the environment's own. Each method raises LedgerUnavailable."""

    def stored(self) -> list[Connection]:
        """All of them, by their ids."""

    def read(self, connection_id: str) -> Connection | None: ...

    def swap(self, new: Connection) -> bool:
        """Puts it in the place of the version before it; version 1 in the place of none. False where that is not what is there."""

    def remove(self, connection: Connection) -> bool:
        """False where another version is there by now, or none."""


class ConnectionSecrets(Protocol):
    """Client id and secret of each connection. Each method raises SecretsUnavailable."""

    def write(self, connection_id: str, *, client_id: str, client_secret: str) -> None:
        """Over what is there."""

    def remove(self, connection_id: str) -> None:
        """For good, at once; nothing happens where there is none."""


class Leases(Protocol):
    """Who may work on what now: at most one at a time, and each with a fence above all before it. Each method raises LedgerUnavailable."""

    def take(self, name: str, *, now: datetime, until: datetime) -> int | None:
        """The holder's fence; None while another holds it."""

    def release(self, name: str, fence: int) -> None:
        """Nothing happens where another holds it by now."""


class JobSource(Protocol):
    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        """The rows that follow `start`: where an earlier page ended, or a day. Begins nothing that does not fit in `time_left`.
        Raises JobSourceFailed."""


class ConnectionProbe(JobSource, Protocol):
    """One connection, asked step by step whether it works. Each method raises JobSourceFailed."""

    def look(self) -> None:
        """Whether its secrets are there, and have the form of some."""

    def sign_in(self, *, time_left: timedelta) -> str | None:
        """The ServiceTitan tenant that the token names, None where it names none. Raises TenantDiffers too."""

    def close(self) -> None: ...


class JobStore(Protocol):
    """What was read, and how far. Each method raises JobStoreFailed, or SpansUnavailable."""

    def begin(self, connection: Connection, *, at: datetime) -> Mapping[FeedPass, Cursor]:
        """Notes whose the rows of this connection are; the cursors of those passes that were ever begun."""

    def store_page(
        self, connection_id: str, feed_pass: FeedPass, page: FeedPage, *, previous: str | None, at: datetime
    ) -> int | None:
        """Rows and cursor together, if the cursor still stands at `previous` (or at this page's end already: the same page
        sent twice); None where it has moved, else how many rows are others than before. A row stays where it is newer."""

    def note_failure(
        self, connection_id: str, feed_pass: FeedPass, *, fault: SourceFault, message: str, at: datetime
    ) -> None:
        """Beside the cursor, which stays."""


class SyncQueue(Protocol):
    def send(self, connection_ids: Collection[str]) -> None:
        """Asks for a run of each. Raises SyncQueueFailed."""


class SyncStatuses(Protocol):
    """How the last run of each connection ended. Each method raises LedgerUnavailable."""

    def all(self) -> Mapping[str, SyncStatus]:
        """By the ids of the connections."""

    def read(self, connection_id: str) -> SyncStatus | None: ...

    def write(self, connection_id: str, status: SyncStatus) -> None: ...

    def remove(self, connection_id: str) -> None: ...


# ---- what is done seldom: expiry of past pages, and a restore ---------------------------------------------------------------


class Shelf(Protocol):
    """All pages and accounts, without regard to a call. Every method raises LedgerUnavailable."""

    def places(self) -> Sequence[tuple[str, str]]:
        """(tenant id, month) of every page there is."""

    def tenants(self) -> Sequence[str]:
        """The ids of every account there is."""

    def past_pages(self, before: str) -> Sequence[PastPage]:
        """Pages of months before this one; not strongly consistent."""

    def expire(self, past: PastPage, at: int) -> bool:
        """Lets the page go at that time (Unix seconds), if it has not moved since it was read, and nothing is held in it."""

    def keep(self, past: PastPage) -> bool:
        """Takes back that it expires, if it still stands as it was read."""

    def put_back(self, page: Page, *, over: Page) -> bool:
        """Money, holds and numbers of `page` in the place of those of `over`, if it has not moved since it was read."""

    def put_record(self, tenant_id: str, record: Record) -> bool:
        """False where one of this id is there already."""

    def begin_epoch(self, settings: TenantSettings, pages: Mapping[str, tuple[Page, int]], *, over: int) -> bool:
        """Puts settings over their version `over`, and gives each page (month -> page, new epoch) their version, its epoch and an entry
        for each agent that has a budget: in one transaction; False where any of it moved meanwhile."""


class SpanBooks(Protocol):
    """Postgres, page by page. Every method raises SpansUnavailable."""

    def books_of(self, month: str) -> Sequence[PageBooks]:
        """Of every page that has spans in this month."""

    def spans_after(
        self, tenant_id: str, month: str, *, seq: int, last: Place | None, count: int
    ) -> Sequence[PlacedSpan]:
        """At most so many of a page's spans with a greater `seq`, in order of epoch and seq: those that follow `last`, if given."""

    def record_spans(self, tenant_id: str, month: str, *, since: datetime) -> Sequence[PlacedSpan]:
        """Those that a record may have left."""

    def given_up(self, tenant_id: str, month: str) -> GivenUp:
        """What of the page is lost for good."""


class SpanMonths(Protocol):
    """The months whose spans lie in a partition of their own. Every method raises SpansUnavailable."""

    def months_before(self, month: str) -> Sequence[str]:
        """The months before this one that have a partition of spans."""

    def drop_month(self, month: str) -> bool:
        """Drops its spans and keeps what `SpanBooks.books_of` says of them; False where rollups lack some, or somebody is in the way."""


# ---- breakers ---------------------------------------------------------------------------------------------------------------


class Breakers(Protocol):
    """The breakers that some environment wrote; one that is not here is closed. Every method raises LedgerUnavailable."""

    def recent(self) -> Sequence[Breaker]:
        """All of them, eventually consistent: what every environment asks once a second."""

    def read(self, breaker_id: str) -> Breaker | None:
        """Strongly consistent."""

    def swap(self, new: Breaker) -> bool:
        """Puts it in the place of its version - 1, or where there is none if that is 0; False where something else stands there."""

    def remove(self, breaker: Breaker) -> None:
        """If it is still this version."""


class Alerts(Protocol):
    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        """Something that a person should know of: a log line and a metric by the event's name. Raises nothing."""


# ---- calls that may be sent again -------------------------------------------------------------------------------------------


class KeptCalls(Protocol):
    """Calls with an Idempotency-Key, one for each tenant and key. Every method can be sent again, and raises LedgerUnavailable."""

    def claim(self, attempt: Attempt, now: datetime) -> KeptCall | None:
        """Takes the key: None. Or, where another attempt has it, what is kept of that one."""

    def keep(self, attempt: Attempt, answer: KeptAnswer, *, clock: Callable[[], datetime], until: datetime) -> bool:
        """False where the key is another attempt's by now. An answer that is too large is kept without its body. No try begins
        after `until`."""

    def release(self, attempt: Attempt) -> None:
        """The key is free again, if it is still this attempt's."""


# ---- the comparison of books ------------------------------------------------------------------------------------------------


class DriftBook(Protocol):
    """The rows of drifts. Every method can be repeated, and raises SpansUnavailable."""

    def open(self, kinds: Collection[DriftKind]) -> Sequence[KeptDrift]:
        """Those of these kinds that are not closed, the oldest first."""

    def see(self, drifts: Sequence[Drift], at: datetime) -> Sequence[KeptDrift]:
        """Keeps what was seen, in the open row of its subject where there is one; the rows that are new."""

    def close(self, ids: Sequence[int], at: datetime) -> None:
        """Those that are open still."""

    def newest(self, count: int) -> Sequence[KeptDrift]:
        """All that are open, the oldest first; then so many of those that were closed last."""


class PageComparison(Protocol):
    """Postgres: what pages said, and what their spans say. Every method can be repeated, and raises SpansUnavailable."""

    def readings(self) -> Sequence[Reading]:
        """Those that are kept, one of each page; first those that were compared longest ago, or never."""

    def note_compared(self, reading: Reading, at: datetime) -> None: ...

    def state(self) -> BooksState: ...

    def keep(self, reading: Reading) -> None:
        """In the place of an older one of its page."""

    def stored(self, reading: Reading) -> Stored: ...

    def miss(self, reading: Reading, at: datetime) -> Sequence[Missed]:
        """Notes the numbers up to the reading's that have no span, each when it is missed first; all that are missed, in order."""

    def book_unexplained(self, reading: Reading, at: datetime) -> Mapping[str, NanoUsd]:
        """Puts money in the place of all that is missed up to the reading's number, so that the spans of each day sum to what the page
        says: `dd` -> how much. From then on a span that turns up takes its own amount away from that."""

    def forget(self, before: str) -> None:
        """What is kept of pages of months before this one."""


# ---- the provider's own figures ---------------------------------------------------------------------------------------------


class Bill(Protocol):
    """What the provider says that it billed. Every method raises BillSourceFailed, and begins nothing that does not fit in the time."""

    def costs(self, day: date, *, time_left: timedelta) -> Sequence[ProviderCost]:
        """Of all projects, by line item."""

    def usage(
        self, start: datetime, end: datetime, width: Width, *, projects: Sequence[str] = (), time_left: timedelta
    ) -> Sequence[ProviderUsage]:
        """By project, model and tier; of all projects where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProject:
    """`is_whole`: it was the tenant's during the whole of the day that was asked for."""

    tenant_id: str
    project: str
    is_whole: bool


class BillStore(Protocol):
    """Postgres. Everything can be done twice. Every method raises SpansUnavailable."""

    def note_projects(self, projects: Mapping[str, str], at: datetime) -> None:
        """Tenant -> its own project, as its settings say now."""

    def projects_of(self, day: date) -> Sequence[OwnProject]:
        """Those that were some tenant's at any time of this UTC day."""

    def fetched_days(self) -> Mapping[date, datetime]:
        """When each day of the last weeks was last fetched whole."""

    def add_costs(self, costs: Sequence[ProviderCost], at: datetime) -> None:
        """In the place of what was fetched before `at`."""

    def add_usage(self, usages: Sequence[ProviderUsage], at: datetime) -> None: ...

    def close_day(self, day: date, at: datetime) -> None:
        """All of it was fetched at `at`: what was not told again then is gone."""

    def billed(self, day: date) -> Mapping[str, BilledDay]:
        """By project."""

    def span_days(self, tenants: Sequence[str], day: date) -> Mapping[str, SpanDay]:
        """Of each of these tenants."""

    def calls(self, tenant_id: str, start: datetime, end: datetime) -> Sequence[KnownCall]:
        """Those that end after `start` and began before `end`."""

    def minutes(self, project: str, start: datetime, end: datetime, *, at: datetime) -> Sequence[ProviderUsage]:
        """As fetched at `at`."""

    def has_gaps(self, tenant_id: str, start: datetime, end: datetime, postings: Mapping[str, int]) -> bool:
        """Whether spans of this tenant's are missing that may be of this time, or some of the page's first so many (by month)."""

    def recent(self, since: datetime, at: datetime) -> Mapping[str, str]:
        """Tenants, with their own projects, that have calls which lapsed since then, and of which nothing was posted after that."""

    def keep_findings(self, tenant_id: str, findings: Sequence[Finding], at: datetime) -> None:
        """In the place of what was found of the same calls before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`opened`, `closed`: drifts that nobody has been told of; `unsettled`: tenants, with their projects, that have calls of which
    nobody knows whether they were billed."""

    opened: Sequence[KeptDrift]
    closed: Sequence[KeptDrift]
    unsettled: Mapping[str, str]


class BillBooks(Protocol):
    """What is done where Postgres is, for one who is outside. Every method can be repeated, and raises BillStoreFailed or
    SpansUnavailable."""

    def begin(self, projects: Mapping[str, str | None], at: datetime) -> Mapping[date, datetime]:
        """Notes every tenant's own project; when each day was last fetched."""

    def add(self, costs: Sequence[ProviderCost], usages: Sequence[ProviderUsage], at: datetime) -> None: ...

    def close_day(self, day: date, at: datetime) -> None: ...

    def compare(self, day: date, tenants: Sequence[str], at: datetime, *, is_ordered: bool) -> Compared:
        """`is_ordered`: also those who have their project only since that day."""

    def drifting(self, since: date, at: datetime) -> Sequence[date]:
        """Days from then on with a drift that is not gone yet, the oldest first."""

    def recent(self, since: datetime, at: datetime) -> Mapping[str, str]:
        """Tenants, with their own projects, that have calls which lapsed since then."""

    def resolve(self, question: Question, at: datetime) -> Sequence[Finding]:
        """What can be told of a tenant's unsettled calls by the minutes that were fetched at `at`."""
