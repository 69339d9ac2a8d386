"""Soaks are run by hand: at least each can be started."""

import importlib

import pytest

from tests.soak.__main__ import SOAKS, main


@pytest.mark.parametrize("name", SOAKS)
def test_a_soak_is_there_and_says_what_it_does(name: str) -> None:
    module = importlib.import_module(SOAKS[name])

    assert callable(module.main)
    assert module.__doc__


def test_a_soak_that_there_is_none_of_is_told_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["storms"]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in SOAKS)
