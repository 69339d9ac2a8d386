"""What a crash leaves behind, and how it is closed: SIGKILL at each step of a governed call, and of `check` and `record`.

The table of it is infra/runbooks/crashes.md.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from infra.local import services
from layers.encodings.unpack import unpack
from tests.fakes.fault_proxy import Fate, FaultProxy, Moment, Request, Sentence, Stop, fault_proxy, no_fault
from tests.fakes.function_process import Functions, Invocation
from tests.fakes.ledger_world import TABLE, Books, a_tenant, books_in_dynamodb, make_table
from tests.fakes.local_dynamodb import HOST, dynamodb_at, local_configuration, running, stream_records
from tollgate.adapters.ledger_stream import deliveries
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.page import HoldKind, Page, imbalances
from tollgate.domain.price import cost_of
from tollgate.domain.settings_text import settings_to_text
from tollgate.domain.span import Span
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import window_at
from tollgate.edge.http import write_json
from tollgate.usecases.complete_chat import EXPIRY_MARGIN
from tollgate.usecases.sweep_holds import Swept, sweep_holds

ROOT = Path(__file__).parents[2]
CHAT, CHECK, RECORD = "create_chat_completion", "check_cost", "record_cost"
PATHS = {CHAT: "/v1/chat/completions", CHECK: "/api/cost/check", RECORD: "/api/cost/record"}
REMAINING_MS = 60_000
WITHIN_S = 30
A_DOLLAR = 10**9
USAGE = {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500}


# ---- which request is stopped ---------------------------------------------------------------------------------------------


def deed_of(request: Request) -> str:
    """What a write on a page does, by its own words."""
    if request.operation == "TransactWriteItems":
        return "record" if b"RECORD#" in request.body else "opening"
    if request.operation != "UpdateItem":
        return request.operation
    asked = request.json()
    names = set(asked["ExpressionAttributeNames"].values())
    for posting in ("settle", "cancel", "lapse", "expire", "late"):
        if any(f'"p":"{posting}"' in str(value.get("S")) for value in asked["ExpressionAttributeValues"].values()):
            return posting
    return "hold" if "version" in names else "tombstone" if "seq" in names else "tidying"


def a_write(deed: str) -> Callable[[Request], bool]:
    return lambda request: deed_of(request) == deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """`left`: the kinds of hold on the page after the kill; `spans`: (posting, outcome) in the end; `booked`: what of the call."""

    step: str
    route: str = CHAT
    before: str | None = None
    after: str | None = None
    arrives_later: bool = False
    answers_lost: str | None = None
    billed: bool = False
    left: tuple[HoldKind, ...] = ()
    leaves: str
    closed_by: str
    spans: tuple[tuple[str, str], ...] = ()
    booked: str

    @property
    def row(self) -> str:
        return f"| {self.step} | {self.leaves} | {self.closed_by} | {self.booked} |"


CALL, NOTHING, IN_FULL, COST = HoldKind.CALL, "nothing", "the whole hold", "its cost"
LEFT_OPEN = partial(
    Crash,
    left=(CALL,),
    leaves="a `call` hold",
    closed_by="the sweep: lapsed",
    spans=(("lapse", "lapsed"),),
    booked=IN_FULL,
)
LEFT_SETTLED = partial(
    Crash,
    billed=True,
    leaves="nothing open",
    closed_by="its own settlement",
    spans=(("settle", "ok"),),
    booked=COST,
)
LEFT_RECORDED = partial(
    Crash,
    route=RECORD,
    leaves="nothing open",
    closed_by="the first record",
    spans=(("settle", "recorded"),),
    booked=COST,
)
WITH_A_BILL = "a `call` hold, and a bill"
CRASHES = (
    Crash(
        step="before the hold is sent", before="hold", leaves="nothing", closed_by="nothing to close", booked=NOTHING
    ),
    LEFT_OPEN(step="the hold is on its way, and lands after the death", before="hold", arrives_later=True),
    LEFT_OPEN(step="the hold has landed, its answer not come", after="hold"),
    LEFT_OPEN(step="the hold is answered, the upstream not yet asked", before="upstream"),
    LEFT_OPEN(step="during the upstream call", after="upstream", billed=True, leaves=WITH_A_BILL),
    LEFT_OPEN(
        step="the upstream has answered, the settlement not yet sent",
        before="settle",
        billed=True,
        leaves=WITH_A_BILL,
    ),
    LEFT_SETTLED(step="the settlement is on its way, and lands after the death", before="settle", arrives_later=True),
    LEFT_SETTLED(step="the settlement has landed, its answer not come", after="settle"),
    LEFT_SETTLED(step="all is settled, the client not yet answered", after="all"),
    LEFT_OPEN(
        step="no try of the hold was answered, the cancel not yet sent",
        answers_lost="hold",
        before="tombstone",
        leaves="a `call` hold: a phantom",
    ),
    Crash(
        step="no try of the hold was answered, the cancel has landed",
        answers_lost="hold",
        after="cancel",
        leaves="its key in `closed`, for an hour",
        closed_by="its own cancel",
        spans=(("cancel", "cancelled"),),
        booked=NOTHING,
    ),
    Crash(
        step="`check`: before its hold is sent",
        route=CHECK,
        before="hold",
        leaves="nothing",
        closed_by="nothing to close",
        booked=NOTHING,
    ),
    Crash(
        step="`check`: its hold has landed, the answer not come",
        route=CHECK,
        after="hold",
        left=(HoldKind.CHECK,),
        leaves="a `check` hold",
        closed_by="the sweep: expired",
        spans=(("expire", "expired"),),
        booked=NOTHING,
    ),
    Crash(
        step="`record`: before it is sent; the agent sends it again",
        route=RECORD,
        before="record",
        left=(HoldKind.CHECK,),
        leaves="the `check` hold",
        closed_by="the sweep: expired; then the second record",
        spans=(("expire", "expired"), ("record", "recorded")),
        booked=COST,
    ),
    LEFT_RECORDED(
        step="`record`: it is on its way, and lands after the death; the agent sends it again",
        before="record",
        arrives_later=True,
    ),
    LEFT_RECORDED(step="`record`: it has landed, the answer not come; the agent sends it again", after="record"),
)


def table() -> str:
    head = "| killed | what that leaves behind | closed by | booked |\n|---|---|---|---|"
    return "\n".join([head, *(crash.row for crash in CRASHES)])


# ---- the place of the crime -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scene:
    """One ministack, one local OpenAI, a proxy before each, and the functions' parent."""

    functions: Functions
    ledger_proxy: FaultProxy
    openai_proxy: FaultProxy
    openai_url: str
    aws_url: str
    books: Books
    tenants: int = field(default=0)

    def a_shop(self) -> "Shop":
        self.tenants += 1
        settings = a_tenant(
            f"shop-{self.tenants}", daily_limit=5 * A_DOLLAR, monthly_limit=50 * A_DOLLAR, cheaper_model=None
        )
        shop = Shop(scene=self, settings=settings)
        assert self.books.accounts.create(settings, [])
        assert self.books.ledger.open_page(settings, shop.month)
        return shop

    def sweep(self, after: timedelta) -> Swept:
        return sweep_holds(self.books.ledger, self.books.accounts, clock=lambda: datetime.now(UTC) + after)

    def served(self) -> list[dict[str, Any]]:
        answer: dict[str, Any] = httpx.get(f"{self.openai_url}/_local/served").json()
        return list(answer["served"])


@dataclass(slots=True)
class Shop:
    """A tenant of its own for each crash."""

    scene: Scene
    settings: TenantSettings
    month: str = field(init=False)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.month = window_at(self.began_at, self.settings.zones).month

    @property
    def page(self) -> Page:
        page = self.scene.books.ledger.read_page(self.settings.tenant_id, self.month)
        assert page is not None
        assert not imbalances(page)
        return page

    @property
    def spans(self) -> list[Span]:
        """As the stream carries them to Postgres, which keeps each number once: a tidied page shows its last span again."""
        found = [delivery.placed for delivery in deliveries(list(stream_records(self.scene.aws_url)))]
        mine = [placed for placed in found if placed is not None and placed.place.tenant_id == self.settings.tenant_id]
        by_number = {placed.place.seq: placed.span for placed in mine}
        assert list(by_number) == list(range(1, len(by_number) + 1))
        return list(by_number.values())

    def invoke(self, route: str, body: dict[str, Any], **options: Any) -> Invocation:
        event = {
            "resource": PATHS[route],
            "path": PATHS[route],
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json"},
            "multiValueHeaders": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": {},
            "requestContext": {
                "stage": "local",
                "path": f"/local{PATHS[route]}",
                "requestId": f"request-of-{self.settings.tenant_id}",
                "authorizer": {
                    "keyId": "key-1",
                    "role": "tenant",
                    "tenantId": self.settings.tenant_id,
                    "account": settings_to_text(self.settings),
                },
            },
            "body": write_json(body),
            "isBase64Encoded": False,
        }
        return self.scene.functions.invoke(route, event, remaining_ms=REMAINING_MS, **options)

    def body_for(self, route: str) -> dict[str, Any]:
        """A record is of a `check` hold that is made here, by a function that lives."""
        if route == CHAT:
            words = f"What does a furnace filter cost? For {self.settings.tenant_id}."
            return {"model": "gpt-4o", "messages": [{"role": "user", "content": words}], "max_tokens": 200}
        check = {"model": "gpt-4o", "inputTokens": 500, "maxOutputTokens": 200, "hold": True}
        if route == CHECK:
            return check
        status, verdict = self.invoke(CHECK, check).answer()
        assert status == 200, verdict
        return {"holdId": verdict["hold"]["id"], "model": "gpt-4o", "usage": USAGE}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    state: Path = tmp_path_factory.mktemp("crashes")
    with ExitStack() as closing:
        configuration = closing.enter_context(local_configuration(state))
        for daemon in (services.ministack(configuration), services.openai(configuration)):
            closing.enter_context(running(daemon, state))
        aws_url = configuration.aws_endpoint_url
        ledger_proxy = closing.enter_context(fault_proxy((HOST, configuration.ministack_port)))
        openai_proxy = closing.enter_context(fault_proxy((HOST, configuration.openai_port)))
        client = dynamodb_at(aws_url)
        closing.callback(client.close)
        make_table(client)
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        client.update_table(TableName=TABLE, StreamSpecification=stream)
        environment = {
            "AWS_ENDPOINT_URL": aws_url,
            "AWS_ENDPOINT_URL_DYNAMODB": ledger_proxy.url,
            "LEDGER_TABLE": TABLE,
            "OPENAI_BASE_URL": f"{openai_proxy.url}/v1",
            "OPENAI_API_KEY_SECRET_ARN": _secret(aws_url),
            "TIKTOKEN_CACHE_DIR": str(unpack(state / "openai")),
        }
        functions = Functions(environment, answers=state, routes=list(PATHS))
        closing.callback(functions.close)
        yield Scene(
            functions=functions,
            ledger_proxy=ledger_proxy,
            openai_proxy=openai_proxy,
            openai_url=f"http://{HOST}:{configuration.openai_port}",
            aws_url=aws_url,
            books=books_in_dynamodb(client),
        )


def _secret(aws_url: str) -> str:
    client = boto3.client("secretsmanager", endpoint_url=aws_url)
    arn = str(client.create_secret(Name="openai", SecretString="sk-local")["ARN"])
    client.close()
    return arn


# ---- what happens -----------------------------------------------------------------------------------------------------------


def killed_at(crash: Crash, shop: Shop, body: dict[str, Any]) -> None:
    """Lets the function run to that step, and kills it there."""
    scene, step = shop.scene, crash.before or crash.after
    assert step is not None
    if crash.answers_lost is not None:
        scene.ledger_proxy.plan = _losing_answers(crash.answers_lost)
    if step == "all":
        function = shop.invoke(crash.route, body, delivers=False)
        function.wait_for_undelivered_answer()
        function.kill()
        return
    stop = _stop(scene, step, Moment.BEFORE if crash.before else Moment.AFTER)
    function = shop.invoke(crash.route, body)
    assert stop.reached.wait(WITHIN_S), "the function never came to that step"
    function.kill()
    stop.release(forwards=crash.arrives_later)
    assert stop.done.wait(WITHIN_S)


def _stop(scene: Scene, step: str, moment: Moment) -> Stop:
    if step == "upstream":
        return scene.openai_proxy.stop_at(lambda request: request.path.endswith("/chat/completions"), moment)
    return scene.ledger_proxy.stop_at(a_write(step), moment)


def _losing_answers(deed: str) -> Callable[[Request], Sentence]:
    return lambda request: Sentence(Fate.LOST) if deed_of(request) == deed else Sentence()


def cost_of_entry(entry: dict[str, Any]) -> int:
    tokens = entry["tokens"]
    usage = Usage(
        uncached=tokens["uncached"], cached=tokens["cached"], written=tokens["cacheWrite"], output=tokens["output"]
    )
    return cost_of(usage, FilePriceBook().price_of(entry["model"], datetime.now(UTC)))


RECORDED_COST = cost_of(Usage(uncached=400, output=100), FilePriceBook().price_of("gpt-4o", datetime.now(UTC)))


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.step)
def test_a_killed_function_leaves_what_the_table_says_and_the_sweep_closes_it(scene: Scene, crash: Crash) -> None:
    shop = scene.a_shop()
    body = shop.body_for(crash.route)
    served_before = len(scene.served())

    killed_at(crash, shop, body)
    scene.ledger_proxy.plan = no_fault

    # What it leaves: nothing, or one hold with its kind and its expiry, which an early sweep does not touch.
    left = shop.page
    assert tuple(hold.kind for hold in left.holds.values()) == crash.left
    for hold in left.holds.values():
        _expires_after_its_holder(hold.expires_at, hold.kind, shop)
    scene.sweep(after=timedelta(0))
    assert shop.page.holds == left.holds
    # The sweep, twice: the second finds nothing to do.
    scene.sweep(after=timedelta(minutes=10))
    swept = shop.page
    again = scene.sweep(after=timedelta(minutes=10))
    assert shop.page == swept
    assert not again.unbalanced
    if crash.route == RECORD:
        assert shop.invoke(RECORD, body).answer()[0] in (200, 201)
    # What is booked.
    served = scene.served()[served_before:]
    assert len(served) == crash.billed
    bill = sum(map(cost_of_entry, served)) if crash.route == CHAT else RECORDED_COST
    full = sum(hold.amount for hold in left.holds.values())
    page, spans = shop.page, shop.spans
    assert tuple((span.posting, span.outcome) for span in spans) == crash.spans
    assert page.use.spent == {NOTHING: 0, COST: bill, IN_FULL: full}[crash.booked]
    assert sum(span.cost_nanousd for span in spans) == page.use.spent == page.use.used
    assert page.use.spent >= bill * crash.billed, "money that is gone is in the books"
    assert not page.holds
    # And after an hour nothing of it is left but the money.
    scene.sweep(after=timedelta(hours=2))
    assert not shop.page.closed
    assert shop.page.due is None


def _expires_after_its_holder(expires_at: int, kind: HoldKind, shop: Shop) -> None:
    life = timedelta(milliseconds=REMAINING_MS) + EXPIRY_MARGIN if kind is CALL else timedelta(seconds=300)
    now = datetime.now(UTC)
    assert int((shop.began_at + life).timestamp()) <= expires_at <= int((now + life).timestamp())


def test_the_table_of_the_runbook_is_the_one_that_is_tested() -> None:
    assert table() in (ROOT / "infra" / "runbooks" / "crashes.md").read_text(encoding="utf-8")
