"""POST /v1/embeddings"""

from __future__ import annotations

import base64
import json
from array import array
from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from random import Random
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp

from infra.local.openai_server import fields
from infra.local.openai_server.answer import Answer, deliver, refuse
from infra.local.openai_server.api_error import bad_request, missing, model_not_found, unsupported_parameter, wrong_type
from infra.local.openai_server.bill import Bill
from infra.local.openai_server.call import Call
from infra.local.openai_server.chat_request import model_name
from infra.local.openai_server.fields import Json
from infra.local.openai_server.tokens import encode
from infra.local.openai_server.usage import Usage
from infra.local.openai_server.work import large_aside

KNOWN = ("input", "model", "dimensions", "encoding_format", "user")
DIMENSIONS = {"text-embedding-3-small": 1_536, "text-embedding-3-large": 3_072, "text-embedding-ada-002": 1_536}
INPUTS_MOST = 2_048
TOKENS_MOST = 8_192
# Of cl100k_base.
VOCABULARY = 100_277
REQUEST_TOKENS_MOST = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    model: str
    inputs: list[array[int]]
    dimensions: int
    as_base64: bool
    user: str | None


async def create_embeddings(call: Call) -> ASGIApp:
    request = await large_aside(call, lambda: parse_embeddings(call.body))
    fault = call.service.faults.take(models=(request.model,), endpoint=call.endpoint, body=call.raw, stream=False)
    refused = await refuse(call, fault, request.model)
    if refused is not None:
        return refused
    content = await large_aside(call, lambda: [vector(tokens, request.dimensions) for tokens in request.inputs])
    return await deliver(call, embedding_answer(call, request, content), fault, call.service.writing)


def parse_embeddings(body: Json) -> EmbeddingRequest:
    """Raises ApiError."""
    model = model_name(body)
    if model not in DIMENSIONS:
        raise model_not_found(model)
    fields.check_known(body, KNOWN)
    dimensions = fields.whole(body, "dimensions", least=1, most=DIMENSIONS[model])
    if dimensions and model == "text-embedding-ada-002":
        raise unsupported_parameter("dimensions", "")
    inputs = parse_inputs(body)
    for tokens in inputs:
        if len(tokens) > TOKENS_MOST:
            most = f"This model's maximum context length is {TOKENS_MOST} tokens"
            raise bad_request(
                f"{most}, however you requested {len(tokens)} tokens.", param="input", code="context_length_exceeded"
            )
    total = sum(map(len, inputs))
    if total > REQUEST_TOKENS_MOST:
        text = f"Requested {total} tokens, max {REQUEST_TOKENS_MOST} tokens per request"
        raise bad_request(text, param="input", code="max_tokens_per_request")
    return EmbeddingRequest(
        model=model,
        inputs=inputs,
        dimensions=dimensions or DIMENSIONS[model],
        as_base64=fields.word(body, "encoding_format", ("float", "base64")) == "base64",
        user=fields.text(body, "user"),
    )


def parse_inputs(body: Json) -> list[array[int]]:
    given = body.get("input")
    if given is None:
        raise missing("input")
    several = given if isinstance(given, list) and not (given and isinstance(given[0], int)) else [given]
    if not several or len(several) > INPUTS_MOST:
        raise bad_request(
            f"Invalid 'input': from 1 to {INPUTS_MOST} inputs are accepted.", param="input", code="invalid_value"
        )
    return [parse_input(one) for one in several]


def parse_input(given: Any) -> array[int]:
    if not given:
        raise bad_request("Invalid 'input': input cannot be an empty string.", param="input", code="invalid_value")
    if isinstance(given, str):
        return encode(given, "cl100k_base")
    if isinstance(given, list) and all(isinstance(token, int) and 0 <= token < VOCABULARY for token in given):
        return array("I", given)
    raise wrong_type("input", expected="a string, an array of strings or arrays of tokens", got=given)


def vector(tokens: array[int], dimensions: int) -> array[float]:
    """Of length one, and the same for the same text."""
    seed = Random(int.from_bytes(blake2b(tokens, digest_size=8).digest(), "big"))  # noqa: S311
    values = array("h", seed.randbytes(2 * dimensions))
    length = sqrt(sum(value * value for value in values))
    return array("f", [value / length for value in values])


def embedding_answer(call: Call, request: EmbeddingRequest, vectors: list[array[float]]) -> Answer:
    usage = Usage(prompt=sum(map(len, request.inputs)))
    bill = Bill(
        id=f"embd-{uuid4().hex}",
        request_id=call.request_id,
        endpoint=call.endpoint,
        model=request.model,
        answered_model=request.model,
        service_tier="default",
        usage=usage.of_embeddings(),
        tokens=usage.classes(),
        stream=False,
        user=request.user,
        metadata={},
        api_key_hash=call.key_hash,
    )
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(one).decode() if request.as_base64 else one.tolist(),
        }
        for index, one in enumerate(vectors)
    ]
    content = {"object": "list", "data": data, "model": request.model, "usage": bill.usage}
    headers = call.headers() | call.service.rates.count(call.key_hash, request.model, usage.prompt)
    return Answer(bill=bill, headers=headers, content=json.dumps(content).encode())
