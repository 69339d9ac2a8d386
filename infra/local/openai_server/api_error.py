"""OpenAI's error envelope. Wording and codes are OpenAI's own where they are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

INVALID_REQUEST = "invalid_request_error"
JSON_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
}


@dataclass(frozen=True, kw_only=True)
class ApiError(Exception):
    status: int
    message: str
    type: str = INVALID_REQUEST
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return json.dumps({"error": error}, indent=2).encode()


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(status=400, message=message, param=param, code=code)


def missing(param: str) -> ApiError:
    return bad_request(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def wrong_type(param: str, *, expected: str, got: object) -> ApiError:
    message = f"Invalid type for '{param}': expected {expected}, but got {json_type(got)} instead."
    return bad_request(message, param=param, code="invalid_type")


def wrong_value(param: str, value: object, supported: tuple[str, ...]) -> ApiError:
    words = ", ".join(f"'{word}'" for word in supported[:-1]) + f", and '{supported[-1]}'"
    message = f"Invalid value: {value!r}. Supported values are: {words}."
    return bad_request(message, param=param, code="invalid_value")


def unsupported_value(param: str, value: object, hint: str) -> ApiError:
    message = f"Unsupported value: '{param}' does not support {json.dumps(value)} with this model. {hint}"
    return bad_request(message, param=param, code="unsupported_value")


def unsupported_parameter(param: str, hint: str) -> ApiError:
    message = f"Unsupported parameter: '{param}' is not supported with this model. {hint}".rstrip()
    return bad_request(message, param=param, code="unsupported_parameter")


def model_not_found(name: str) -> ApiError:
    message = f"The model `{name}` does not exist or you do not have access to it."
    return ApiError(status=404, message=message, code="model_not_found")


def server_error() -> ApiError:
    message = "The server had an error while processing your request. Sorry about that!"
    return ApiError(status=500, message=message, type="server_error")


def key_missing() -> ApiError:
    message = (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)."
    )
    return ApiError(status=401, message=message)


def key_wrong(key: str) -> ApiError:
    shown = f"{key[:3]}{'*' * max(0, len(key) - 3)}"
    return ApiError(status=401, message=f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def json_type(value: object) -> str:
    return JSON_TYPES.get(type(value), "an object")
