"""What the server keeps between requests."""

from __future__ import annotations

from infra.local.openai_server.books import Books
from infra.local.openai_server.fault import Faults
from infra.local.openai_server.prefix_cache import PrefixCache
from infra.local.openai_server.rate_meter import RateMeter
from infra.local.openai_server.writing import Writing


class Service:
    def __init__(self, books: Books) -> None:
        self.books = books
        self.faults = Faults()
        self.prefixes = PrefixCache()
        self.rates = RateMeter()
        self.writing = Writing()
