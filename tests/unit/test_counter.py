"""However a text is made, no long piece of it reaches the tokenizer."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tollgate.adapters import tiktoken_counter
from tollgate.adapters.tiktoken_counter import (
    PIECE_MAX,
    REQUEST_COUNTED_MAX,
    RUN_COUNTED_MAX,
    TEXT_COUNTED_MAX,
    TiktokenCounter,
)

# How o200k_base cuts a text into the pieces that it merges (tiktoken_ext/openai_public.py), with Rust's meaning of a space spelled out.
PIECES = regex.compile(
    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|\p{N}{1,3}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n/]*"""
    r"""|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"""
)


class Spy:
    """Stands for tiktoken's encoding: keeps what it is given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode_ordinary(self, text: str) -> list[int]:
        self.seen.append(text)
        return [0]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy()
    monkeypatch.setattr(tiktoken_counter, "_encoding", lambda: spy)
    return spy


MEGABYTE = 1_000_000
ADVERSARIAL = {
    "letters": "a" * MEGABYTE,
    "spaces": " " * MEGABYTE,
    "symbols": "^" * MEGABYTE,
    "emoji": "\U0001f600" * (MEGABYTE // 4),
    "line ends": "\n" * MEGABYTE,
    "mixed space": " \n" * 50_000,
    "symbols, then line ends and slashes": "!" + "\n/" * 50_000,
    "what only Python takes for a space": "!\x1c" * 50_000,
    "the space of other scripts": "\u3000\u2003\x85" * 30_000,
    "marks": "e" + "\u0301" * 50_000,
    "a run that begins late": "word " * 100 + "^" * 50_000,
}
PARTS = st.sampled_from(
    [" ", "\n", "\r\n", "/", "^", "a", "A", "1", "'s", "é", "中", "\u0301", "\x1c", "\x85", "\u2028", "\u00a0", "😀"]
)
# A few, or about as many as are just counted and just not.
TIMES = (
    st.integers(1, 50) | st.integers(RUN_COUNTED_MAX // 2 - 9, RUN_COUNTED_MAX // 2 + 9) | st.just(RUN_COUNTED_MAX - 1)
)
RUNS = st.builds(lambda part, more, times: (part + more) * times, PARTS, PARTS | st.just(""), TIMES)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_long_run_is_taken_by_its_bytes_and_never_tokenized(spy: Spy, name: str) -> None:
    text = ADVERSARIAL[name]

    assert TiktokenCounter().count([text]) == len(text.encode())
    assert spy.seen == []


@given(st.lists(RUNS, min_size=1, max_size=6).map("".join))
@settings(max_examples=200)
def test_no_piece_that_is_tokenized_is_longer_than_the_most(text: str) -> None:
    spy = Spy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiktoken_counter, "_encoding", lambda: spy)
        TiktokenCounter().count([text])

    assert all(len(piece) <= PIECE_MAX for seen in spy.seen for piece in PIECES.findall(seen))


def test_a_long_text_and_what_comes_after_much_of_a_request_are_taken_by_their_bytes(spy: Spy) -> None:
    prose = "word " * (TEXT_COUNTED_MAX // 5)
    texts = [prose] * (REQUEST_COUNTED_MAX // TEXT_COUNTED_MAX)

    assert TiktokenCounter().count([prose + "!"]) == len(prose) + 1
    assert TiktokenCounter().count([*texts, "one more"]) == len(texts) + len("one more")
    assert sum(map(len, spy.seen)) == REQUEST_COUNTED_MAX


def test_ordinary_text_is_tokenized(spy: Spy) -> None:
    assert TiktokenCounter().count(["The furnace is out.\n\n", "家の暖房が故障しました。"]) == 2


def test_pages_of_a_language_without_spaces_are_tokenized(spy: Spy) -> None:
    """By their bytes they would be held at three times what they cost."""
    assert TiktokenCounter().count(["家の暖房が故障しました。" * 1_500]) == 1
