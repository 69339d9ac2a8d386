"""Prices, the worst case of a call, and the cost of one that was made (LEDGER.md, "Which amount is held").

Rates are whole nano-dollars for each million tokens: $0.075 a million is 75,000,000. A cost is summed exactly and rounded up once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tollgate.domain.errors import NotBounded
from tollgate.domain.money import NanoUsd, ceil_div
from tollgate.domain.usage import Usage

TOKENS_PER_MTOK = 1_000_000
STANDARD_TIER = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Nano-dollars for a million tokens of each class; `cache_write` is None for models that do not bill writing apart."""

    input: int
    cached: int
    output: int
    cache_write: int | None = None

    @property
    def dearest_input(self) -> int:
        """What a million input tokens can cost at the most: cache writes happen by default, and cost more than plain input."""
        return max(self.input, self.cached, self.cache_write or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongContext:
    """Past `above` input tokens the whole request is billed by these rates."""

    above: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One model's price at one time. `tiers`: factor on everything for each service tier that is served; `region`: that of the host.

    `input_max`, `output_max`: tokens that the model takes and writes at the most, for all its price says.
    """

    model: str
    rates: Rates
    input_max: int
    output_max: int
    long_context: LongContext | None = None
    tiers: Mapping[str, Fraction] = field(default_factory=lambda: {STANDARD_TIER: Fraction(1)})
    region: Fraction = Fraction(1)
    max_tokens_refused: bool = False

    def rates_for(self, input_tokens: int) -> Rates:
        long = self.long_context
        return long.rates if long is not None and input_tokens > long.above else self.rates

    def factor(self, tier: str) -> Fraction:
        """What a tier multiplies the bill by. Raises NotBounded for one that has no price."""
        factor = self.tiers.get(tier)
        if factor is None:
            raise NotBounded(
                f"service_tier {tier[:40]!r} has no known price for {self.model}; send 'default'.", param="service_tier"
            )
        return factor * self.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The most that a call can use: input tokens, output tokens of one choice, and choices."""

    input: int
    output: int
    choices: int = 1

    @property
    def tokens(self) -> int:
        return self.input + self.output * self.choices


def worst_case(bound: Bound, price: Price, *, tier: str = STANDARD_TIER) -> NanoUsd:
    """`T x R x (input bound x dearest input rate + output x n x output rate)`, rounded up to the next nano-dollar."""
    rates = price.rates_for(bound.input)
    millionths = bound.input * rates.dearest_input + bound.output * bound.choices * rates.output
    return _rounded_up(millionths * price.factor(tier))


def cost_of(usage: Usage, price: Price, *, tier: str = STANDARD_TIER) -> NanoUsd:
    """What this usage costs. A tier that the answer names and our book does not is billed by the dearest that the book has."""
    rates = price.rates_for(usage.input)
    write = rates.cache_write if rates.cache_write is not None else rates.input
    millionths = (
        usage.uncached * rates.input + usage.cached * rates.cached + usage.written * write + usage.output * rates.output
    )
    factor = price.tiers.get(tier, max(price.tiers.values())) * price.region
    return _rounded_up(millionths * factor)


def _rounded_up(millionths: Fraction) -> NanoUsd:
    return NanoUsd(ceil_div(millionths.numerator, millionths.denominator * TOKENS_PER_MTOK))
