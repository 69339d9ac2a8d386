"""One id for a call, from API Gateway's access log to Helicone: whoever has it finds the call everywhere."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes import helicone
from tests.fakes.gate import TENANT, Gate, gate
from tests.fakes.http_server import Reply, Server, json_reply, serving
from tests.fakes.openai_provider import complete, provider
from tests.infra.template import template
from tollgate.adapters.helicone_log import log_entry
from tollgate.adapters.otlp_span import otlp_span
from tollgate.domain.place import Place, PlacedSpan
from tollgate.observability import logger

# API Gateway's, as the fake's events have it; Lambda's own is another.
REQUEST_ID = "request-1"


@dataclass
class Road:
    shop: Gate
    openai: Server
    proxy: Server

    def last_placed(self) -> PlacedSpan:
        page = self.shop.page
        assert page is not None
        place = Place(tenant_id=TENANT, month=page.month, epoch=page.epoch, seq=page.seq)
        return PlacedSpan(place=place, span=self.shop.last_span)


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    with serving(provider()) as openai, serving(helicone.proxy(openai)) as proxy:
        addresses = {"OPENAI_BASE_URL": f"{openai.url}/v1", "HELICONE_BASE_URL": f"{proxy.url}/v1"}
        with gate("HELICONE_API_KEY_SECRET_ARN", **addresses) as shop:
            yield Road(shop=shop, openai=openai, proxy=proxy)


@pytest.fixture(autouse=True)
def well(road: Road) -> None:
    road.openai.answer = complete
    road.proxy.received.clear()


def test_api_gateway_writes_into_its_access_log_the_id_that_it_hands_us() -> None:
    log = template()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]

    assert json.loads(log)["requestId"] == "$context.requestId"


def test_the_caller_the_span_and_helicone_s_proxy_are_told_the_same_id(road: Road) -> None:
    answer = road.shop.chat()

    assert answer.headers["x-request-id"] == REQUEST_ID
    assert road.shop.last_span.request_id == REQUEST_ID
    assert road.proxy.received[-1].headers["helicone-property-request"] == REQUEST_ID


def test_helicone_s_log_and_opentelemetry_get_it_from_the_span(road: Road) -> None:
    road.shop.chat()
    placed = road.last_placed()

    assert log_entry(placed)["providerRequest"]["meta"]["Helicone-Property-Request"] == REQUEST_ID
    attributes = {each["key"]: each["value"] for each in otlp_span(placed)["attributes"]}
    assert attributes["tollgate.request_id"] == {"stringValue": REQUEST_ID}


def test_what_the_provider_calls_it_stands_beside_it_in_the_span(road: Road) -> None:
    road.shop.chat()

    assert road.shop.last_span.upstream_id is not None
    assert road.shop.last_span.upstream_id.startswith("req_")


def test_lines_of_the_log_have_it_and_a_refused_caller_is_told_it(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Reply:
        return json_reply({"no": "usage"})

    road.openai.answer = broken
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)

    answer = road.shop.chat()

    assert answer.status == 504
    assert answer.headers["x-request-id"] == REQUEST_ID
    logged = [json.loads(line) for line in log.getvalue().splitlines()]
    assert logged
    assert {line["correlation_id"] for line in logged} == {REQUEST_ID}
    assert road.shop.last_span.request_id == REQUEST_ID, "of a call that may have been billed, too"
