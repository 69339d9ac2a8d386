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
# OpenAI renamed its priority tier, and models of both times answer either name.
SAME_TIER = {"fast": "priority"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Nano-dollars for a million tokens of each class. None for a class that the model does not bill apart: it costs what its kind
    of plain tokens costs, `input` or `output`."""

    input: int
    cached: int
    output: int
    cache_write: int | None = None
    cache_write_12h: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None

    @property
    def dearest_input(self) -> int:
        """What a million input tokens can cost at the most: cache writes happen by default, and cost more than plain input.

        Not those for 12 hours: a call has to ask for them, and what asks is not let through.
        """
        return max(self.input, self.cached, self.cache_write or 0, self.audio_input or 0)

    @property
    def dearest_output(self) -> int:
        return max(self.output, self.audio_output or 0)

    def millionths(self, usage: Usage) -> int:
        """What it costs, in millionths of a nano-dollar."""
        write = _or(self.cache_write, self.input)
        return (
            usage.uncached * self.input
            + usage.cached * self.cached
            + usage.written * write
            + usage.written_12h * _or(self.cache_write_12h, write)
            + usage.audio_input * _or(self.audio_input, self.input)
            + usage.output * self.output
            + usage.audio_output * _or(self.audio_output, self.output)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LongContext:
    """Past `above` input tokens the whole request is billed by these rates."""

    above: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRates:
    """A service tier whose rates are no multiple of the standard ones."""

    rates: Rates
    long_context: LongContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One model's price at one time. `tiers`: factor on everything for each service tier that is served; `own_tiers`: those that have
    rates of their own instead; `region`: the host's factor.

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
    own_tiers: Mapping[str, TierRates] = field(default_factory=dict)

    def rates_for(self, input_tokens: int, *, tier: str = STANDARD_TIER) -> Rates:
        """What `factor(tier)` multiplies."""
        own = self.own_tiers.get(SAME_TIER.get(tier, tier))
        rates, long = (own.rates, own.long_context) if own is not None else (self.rates, self.long_context)
        return long.rates if long is not None and input_tokens > long.above else rates

    def factor(self, tier: str) -> Fraction:
        """What a tier multiplies its rates by. Raises NotBounded for one that has no price."""
        named = SAME_TIER.get(tier, tier)
        factor = Fraction(1) if named in self.own_tiers else self.tiers.get(named, self.tiers.get(tier))
        if factor is None:
            raise NotBounded(
                f"service_tier {tier[:40]!r} has no known price for {self.model}; send 'default'.", param="service_tier"
            )
        return factor * self.region

    def serves(self, tier: str) -> bool:
        named = SAME_TIER.get(tier, tier)
        return tier in self.tiers or named in self.tiers or named in self.own_tiers


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
    rates = price.rates_for(bound.input, tier=tier)
    millionths = bound.input * rates.dearest_input + bound.output * bound.choices * rates.dearest_output
    return _rounded_up(millionths * price.factor(tier))


def cost_of(usage: Usage, price: Price, *, tier: str = STANDARD_TIER) -> NanoUsd:
    """What this usage costs. A tier that the answer names and our book does not is billed by the dearest that the book has."""
    tiers = [tier] if price.serves(tier) else [*price.tiers, *price.own_tiers]
    return max(_cost_at(usage, price, each) for each in tiers)


def _cost_at(usage: Usage, price: Price, tier: str) -> NanoUsd:
    return _rounded_up(price.rates_for(usage.input, tier=tier).millionths(usage) * price.factor(tier))


def _or(rate: int | None, plain: int) -> int:
    return plain if rate is None else rate


def _rounded_up(millionths: Fraction) -> NanoUsd:
    return NanoUsd(ceil_div(millionths.numerator, millionths.denominator * TOKENS_PER_MTOK))
