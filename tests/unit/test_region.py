from fractions import Fraction

import pytest

from tollgate.domain.region import region_factor


@pytest.mark.parametrize(
    ("base_url", "factor"),
    [
        ("https://api.openai.com/v1", 1),
        ("http://127.0.0.1:8081/v1", 1),
        ("https://eu.api.openai.com.example.com/v1", 1),
        ("https://notapi.openai.com/v1", 1),
        *[(f"https://{region}.api.openai.com/v1", Fraction(11, 10)) for region in ("us", "eu", "au", "in", "jp")],
        ("https://EU.API.OpenAI.com:443/v1", Fraction(11, 10)),
        ("https://ch.api.openai.com/v1", Fraction(11, 10)),
    ],
)
def test_only_a_regional_host_adds_a_tenth(base_url: str, factor: Fraction) -> None:
    assert region_factor(base_url) == factor
