import pytest

from tollgate.adapters.postgres_schema import migrations
from tollgate.domain.migration import Migration, MigrationsDiffer, pending

FIRST, SECOND = Migration(name="0001_first", sql="1"), Migration(name="0002_second", sql="2")


def test_what_is_pending_comes_by_its_number() -> None:
    assert pending([SECOND, FIRST], {}) == (FIRST, SECOND)
    assert pending([SECOND, FIRST], {2: SECOND.checksum}) == (FIRST,)


def test_two_of_one_number_are_refused() -> None:
    with pytest.raises(MigrationsDiffer, match="same number"):
        pending([FIRST, Migration(name="0001_other", sql="")], {})


def test_a_changed_one_is_refused() -> None:
    with pytest.raises(MigrationsDiffer, match="0001_first was changed"):
        pending([FIRST], {1: SECOND.checksum})


@pytest.mark.parametrize("name", ["first", "1_first", "0001-first", "0001_First", "0001_"])
def test_a_name_without_its_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="named like"):
        Migration(name=name, sql="")


def test_the_shipped_ones_are_found_and_numbered_without_a_clash() -> None:
    shipped = migrations()

    assert [migration.name for migration in shipped][:3] == ["0001_spans", "0002_span_rollups", "0003_session_limits"]
    assert pending(shipped, {}) == shipped
