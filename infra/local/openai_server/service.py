"""What the server keeps between requests."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.openai_server.books import Books
from infra.local.openai_server.fault import Faults
from infra.local.openai_server.organization import Organization
from infra.local.openai_server.prefix_cache import PrefixCache
from infra.local.openai_server.rate_meter import RateMeter
from infra.local.openai_server.writing import Writing


@dataclass
class Delays:
    """Seconds after which what was billed shows in the organization's figures: until then they are too small."""

    costs: float = 0.0
    usage: float = 0.0


class Service:
    def __init__(self, books: Books, organization: Organization) -> None:
        self.books = books
        self.organization = organization
        self.delays = Delays()
        self.faults = Faults()
        self.prefixes = PrefixCache()
        self.rates = RateMeter()
        self.writing = Writing()
