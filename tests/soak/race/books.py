"""Compares what the upstream billed, what the spans say and what the pages say; and looks for what should not be left."""

from collections import Counter
from dataclasses import dataclass

from tests.soak.race.replay import Replay
from tests.soak.race.scenario import DAILY, Scenario
from tollgate.domain.page import Page, imbalances


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`broken`: each promise that was not kept, in words; `figures`: what there is to tell of the run."""

    name: str
    seed: int
    broken: list[str]
    figures: Counter[str]
    seconds: float


def last_pages(replay: Replay) -> list[Page]:
    return [page for audit in replay.audits.values() for page in audit.pages.values()]


def judge(scenario: Scenario, replay: Replay, pages: list[Page]) -> list[str]:
    broken = [f"{tenant_id}: {words}" for tenant_id, words in replay.broken.items()]
    if replay.over:
        broken.append(f"{replay.over} holds were let in over a limit")
    if replay.journals.counted["unbalanced"]:
        broken.append("a sweep saw a page whose used is not spent + held")
    accepted, unanswered = replay.journals.counted["accepted"], replay.journals.counted["unanswered"]
    if replay.holds != accepted and not unanswered:
        broken.append(f"{replay.holds} holds were let in, and gates know of {accepted}")
    for page in pages:
        broken += _left_on(page, replay)
    for tenant_id in scenario.tenants:
        broken += _unequal(tenant_id, replay, [page for page in pages if page.tenant_id == tenant_id])
    if not scenario.changing:
        broken += _past_the_limit(replay, pages)
    return broken


def _left_on(page: Page, replay: Replay) -> list[str]:
    name = f"{page.tenant_id} {page.month}"
    spans = [place for place in replay.audits[page.tenant_id].spans if place[0] == page.month]
    wrong = {
        "holds are left": bool(page.holds),
        "keys are left in `closed`": bool(page.closed),
        "the sweep is still due": page.due is not None,
        "used is not spent + held": bool(imbalances(page)),
        "used is not spent": page.use.used != page.use.spent,
        "the days do not sum to the month": sum(day.spent for day in page.days.values()) != page.use.spent,
        "seq has a gap": sorted(place[2] for place in spans) != list(range(1, page.seq + 1)),
    }
    return [f"{name}: {words}" for words, is_so in wrong.items() if is_so]


def _unequal(tenant_id: str, replay: Replay, pages: list[Page]) -> list[str]:
    """The upstream's bill, the spans and the pages: as sums, and call by call."""
    bill = replay.journals.bill_of(tenant_id)
    booked: Counter[str] = Counter()
    for span in replay.audits[tenant_id].spans.values():
        # A record whose hold had expired is booked under the hold's public id.
        booked[span.hold.rsplit(".", 1)[-1]] += span.cost_nanousd
    sums = {"billed": sum(bill.values()), "spans": booked.total(), "pages": sum(page.use.spent for page in pages)}
    wrong = [] if len(set(sums.values())) == 1 else [f"{tenant_id}: the books differ: {sums}"]
    calls = {key: cost for key, cost in booked.items() if cost}
    unequal = sorted(key for key in bill.keys() | calls.keys() if bill.get(key) != calls.get(key))
    return wrong + [f"{tenant_id}: {key}: billed {bill.get(key)}, booked {calls.get(key)}" for key in unequal[:5]]


def _past_the_limit(replay: Replay, pages: list[Page]) -> list[str]:
    """With one limit from beginning to end the whole bill stays in it, and it was asked for more."""
    wrong = [f"{page.tenant_id}: spent {page.use.spent} of {DAILY}" for page in pages if page.use.spent > DAILY]
    if not any(name.startswith("refused") for name in replay.journals.counted):
        wrong.append("nothing was refused, so nothing was proved")
    return wrong


def figures_of(replay: Replay) -> Counter[str]:
    figures = replay.journals.counted.copy()
    spans = [span for audit in replay.audits.values() for span in audit.spans.values()]
    for span in spans:
        figures[f"posted: {span.posting}"] += 1
    figures["billed"] = sum(replay.journals.bills.values())
    figures["booked"] = sum(span.cost_nanousd for span in spans)
    figures["spent"] = sum(page.use.spent for page in last_pages(replay))
    figures |= {"writes": replay.writes, "exact": replay.exact, "over": replay.over, "holds": replay.holds}
    figures["pages"] = len(last_pages(replay))
    return figures
