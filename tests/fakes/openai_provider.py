"""OpenAI, as far as a call's way to it goes: an answer with usage, a request id, and a memory of who asked."""

from itertools import count

from tests.fakes.http_server import Received, Reply, Server, json_reply

TOKENS_IN, TOKENS_OUT = 9, 5
_numbers = count(1)


def provider() -> Server:
    return Server(complete)


def complete(received: Received) -> Reply:
    number = next(_numbers)
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": received.body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "At nine."}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": TOKENS_IN,
            "completion_tokens": TOKENS_OUT,
            "total_tokens": TOKENS_IN + TOKENS_OUT,
        },
        "service_tier": "default",
    }
    return json_reply(body, x_request_id=f"req_{number}")


def declined(received: Received) -> Reply:
    """OpenAI's own word, in its envelope and with its request id."""
    error = {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    return json_reply({"error": error}, status=429, x_request_id="req_declined")
