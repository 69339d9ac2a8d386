"""One connection, asked step by step: its secrets, its token, its feeds."""

from datetime import date, timedelta

from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.domain.job import Feed, FeedPage
from tollgate.ports import JobSource


class ServiceTitanProbe:
    """`source` asks by way of `client`, so that the token that was minted serves it."""

    def __init__(self, client: ServiceTitanClient, source: JobSource) -> None:
        self._client = client
        self._source = source
        self.look = client.look
        self.sign_in = client.sign_in
        self.close = client.close

    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        return self._source.read_page(feed, start, time_left=time_left)
