"""infra/security.md names what is there."""

import re

from tests.infra.template import ROOT

TEXT = (ROOT / "infra" / "security.md").read_text(encoding="utf-8")
SHARED = ROOT / "layers" / "shared" / "tollgate"


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+[\w.]*)`", TEXT))

    assert len(named) > 20
    for name in named:
        assert (ROOT / name).exists() or (SHARED / name).exists(), name


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"test_\w+\.py", TEXT))

    assert len(named) > 10
    for name in named:
        assert list((ROOT / "tests").rglob(name)), name
