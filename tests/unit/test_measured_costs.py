"""What infra/costs says was measured, measured again where that takes no time."""

from infra.costs.assumptions import Basis, figures_of, read_assumptions
from tests.bench.page import Moment, load


def test_what_a_page_takes_is_what_its_bench_says_of_five_agents_in_the_middle_of_a_month() -> None:
    assumed, found = read_assumptions(), load(Moment(name="day 15, 5 agents", agents=5, day=15), 1)

    figures = figures_of(assumed)
    assert (figures.hold_units, figures.settle_units) == (found.hold_units, found.settle_units)
    assert figures.page_bytes == found.with_span
    assert {assumed[name].basis for name in ("hold_units", "settle_units", "page_bytes")} == {Basis.MEASURED}
