"""What the upstream's host adds to every price."""

from fractions import Fraction
from urllib.parse import urlsplit

# OpenAI: "data residency" hosts (us., eu., au., in., jp.api.openai.com) cost a tenth more.
REGIONAL = Fraction(11, 10)


def region_factor(base_url: str) -> Fraction:
    """A region that is not listed yet costs what the listed ones do."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    return REGIONAL if host.endswith(".api.openai.com") else Fraction(1)
