"""Which encoding counts a model's tokens, by tiktoken's own table; None where nobody has published one."""

import re

O200K = "o200k_base"
CL100K = "cl100k_base"
# tiktoken 0.14.0, model.py. It knows no gpt-6, and of `chat-latest` nobody says which model it is.
PUBLISHED = (
    (re.compile(r"(ft:)?gpt-4(-|$|:)"), CL100K),
    (re.compile(r"(ft:)?gpt-3\.5-turbo"), CL100K),
    (re.compile(r"text-embedding-(3-(small|large)|ada-002)$"), CL100K),
    (re.compile(r"(ft:)?(gpt-4o|gpt-4\.1|gpt-5)(?![0-9])"), O200K),
    (re.compile(r"(ft:)?(o1|o3|o4-mini)(-|$|:)"), O200K),
)


def tokenizer_of(model: str) -> str | None:
    return next((encoding for names, encoding in PUBLISHED if names.match(model)), None)
