"""What the deployed stack logs of a call that goes wrong. All that it logs of others is looked through when the system tests end."""

from contextlib import suppress

import httpx
import openai
import pytest

from tests.leaks import leaks_of
from tests.system.own_stack import log_files
from tests.system.tollgate_client import Stack, Tenant

# Nobody else sends it, so that it is found for what it is.
PROMPT = "The safe behind the boiler opens with 7341"
FAULTS = [
    "bad_request",
    "model_not_found",
    "rate_limit",
    "error_500",
    "html_502",
    "reset_before_headers",
    "wrong_json",
    "truncated_body",
]


def said(stack: Stack) -> str:
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in log_files(stack.state))


@pytest.mark.parametrize("kind", FAULTS)
def test_a_call_that_goes_wrong_leaves_no_word_in_a_log(
    kind: str, tenant: Tenant, stack: Stack, local_openai: httpx.Client
) -> None:
    fault = {"kind": kind, "times": 2, "match": {"contains": PROMPT}}
    assert local_openai.post("/_local/faults", json=fault).status_code == 201

    tenant.chat(PROMPT)
    with suppress(openai.OpenAIError, httpx.HTTPError):
        for _ in tenant.sdk(max_retries=0).chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": PROMPT}], stream=True
        ):
            pass

    assert PROMPT not in said(stack)
    assert tenant.api.key not in said(stack)


def test_a_request_that_is_refused_leaves_no_word_in_a_log(tenant: Tenant, stack: Stack) -> None:
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/api/chat"):
        tenant.api.post(path, {"model": PROMPT, "messages": PROMPT, "input": {"text": PROMPT}, PROMPT: PROMPT})

    assert PROMPT not in said(stack)


def test_the_logs_have_something_in_them_and_a_leak_would_be_found(tenant: Tenant, stack: Stack) -> None:
    assert tenant.chat("Who can come on Monday?").status_code == 200
    names = {file.stem for file in log_files(stack.state)}

    assert {"ministack", "gateway", "sam"} <= names
    assert "tollgate" in said(stack)
    planted = stack.state / "planted.log"
    planted.write_text(f"asked with {tenant.api.key}: {PROMPT}\n", encoding="utf-8")
    assert len(leaks_of([planted])) == 2
    planted.unlink()
