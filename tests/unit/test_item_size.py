from tests.bench.busy_page import after_settlement, page_with
from tests.bench.busy_shop import a_busy_shop
from tests.bench.item_size import size_of, write_units
from tests.bench.stored_item import item_of
from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, TABLE, Books, a_tenant, books_in_dynamodb
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.page_item import number, page_key, page_of


def test_a_number_takes_a_byte_for_two_digits_and_one_more() -> None:
    sizes = {
        0: 1,
        7: 2,
        42: 2,
        123: 3,
        1234: 3,
        12345: 4,
        -42: 3,
        100: 2,
        1_000_000: 2,
        120: 3,
        1200: 2,
        10**37 + 1: 20,
    }

    assert {value: size_of({"": number(value)}) for value in sizes} == sizes


def test_names_and_strings_count_by_their_utf8_bytes() -> None:
    assert size_of({"name": {"S": "Zoë"}}) == 4 + 4


def test_a_map_takes_three_bytes_and_one_for_each_element() -> None:
    assert size_of({"m": {"M": {}}}) == 1 + 3
    assert size_of({"m": {"M": {"ab": {"BOOL": True}, "c": {"M": {}}}}}) == 1 + 3 + (1 + 2 + 1) + (1 + 1 + 3)
    assert size_of({"l": {"L": [{"NULL": True}, {"S": "abc"}]}}) == 1 + 3 + (1 + 1) + (1 + 3)


def test_a_write_takes_the_larger_of_the_item_before_and_after_by_whole_kilobytes() -> None:
    small, exact, over = ({"s": {"S": "x" * (size - 1)}} for size in (10, 1024, 1025))

    assert (write_units(small, small), write_units(small, exact), write_units(exact, small)) == (1, 1, 1)
    assert (write_units(small, over), write_units(over, small)) == (2, 2)


def test_a_rendered_page_is_the_item_that_the_ledger_s_own_writes_make() -> None:
    with dynamodb_client() as client:
        books: Books = books_in_dynamodb(client)
        desk = Desk(books, a_tenant())
        desk.start(agents=a_busy_shop(agents=2).agents)
        for agent in desk.settings.agents:
            desk.settle(desk.held(f"past {agent}"[-12:], 20, agent=agent), 12)
        desk.held("stays", 10, agent="booking-agent-00")
        desk.held("plain", 5)
        desk.bar("barred")
        desk.settle(desk.held("settled", 20, agent="booking-agent-01"), 12)

        item = client.get_item(TableName=TABLE, Key=page_key("shop", MONTH))["Item"]

        assert item_of(page_of(item)) == item


def test_pages_of_the_benchmarks_have_as_many_calls_in_flight_as_asked_and_a_span_only_after_a_settlement() -> None:
    settings = a_busy_shop(agents=3)

    held = page_with(7, settings, day=30, days_kept=3)
    settled = after_settlement(7, settings, day=30, days_kept=3)

    assert (len(held.holds), len(settled.holds)) == (7, 7)
    assert held.span is None
    assert settled.span is not None
    assert sorted(held.days) == ["28", "29", "30"]
