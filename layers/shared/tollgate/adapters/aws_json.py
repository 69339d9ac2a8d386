"""A service of AWS that speaks JSON over one signed POST, asked without its client: `boto3.client` reads the service's model, its rules
of addresses and its events first (0.3 s of CPU), and then walks every answer by that model (infra/decisions/0008-cpu-of-a-call.md).

One attempt each, without retries. Answers and errors are the client's: the same dicts, botocore's ClientError and BotoCoreError.
"""

import base64
import json
import os
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import responses
from typing import Any

from botocore.exceptions import ChecksumError, ClientError, NoCredentialsError, NoRegionError, ResponseStreamingError

from tollgate.adapters.aws_connection import Answer, Connections
from tollgate.adapters.aws_signature import Credentials, Scope, signed_headers

# In which the client must find the address, the authorities or the way.
CLIENT_ONLY = (
    "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy",
)  # fmt: skip
# Of the partitions whose addresses end in amazonaws.com.
REGION = re.compile(r"(us|us-gov|ca|mx|sa|eu|il|me|af|ap)-[a-z]+-\d+")


class AwsJson:
    """`target`: what an operation's name follows in `X-Amz-Target`; `version`: of the JSON protocol."""

    def __init__(
        self,
        service: str,
        *,
        target: str,
        version: str,
        connect_timeout_s: float,
        read_timeout_s: float,
        url: str | None = None,
    ) -> None:
        """`url`: where the environment's word is not asked. Raises NoRegionError."""
        region, url = _region(), url or _address(service)
        self._connections = Connections(url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._scope = Scope(service=service, region=region, host=self._connections.host, path=self._connections.path)
        self._target = target
        self._type = f"application/x-amz-json-{version}"
        self._credentials = _credentials()

    def ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ClientError where the service refuses, BotoCoreError where it cannot be asked or its answer cannot be read."""
        body = json.dumps(request, separators=(",", ":"), default=_in_base64).encode()
        headers = {"content-type": self._type, "x-amz-target": f"{self._target}.{operation}"}
        signed = signed_headers(body, headers, self._scope, self._credentials(), at=datetime.now(UTC))
        answer = self._connections.post(body, signed)
        if answer.status >= 300:
            raise ClientError(error_response(answer), operation)  # type: ignore[arg-type]
        return _read(answer)

    def close(self) -> None:
        self._connections.close()


def is_enough(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this finds the service: no proxy, no other authorities, a region whose addresses it knows or an address that is given."""
    if any(environment.get(name) for name in CLIENT_ONLY):
        return False
    given = any(name.startswith("AWS_ENDPOINT_URL") for name in environment)
    return given or REGION.fullmatch(_region_of(environment) or "") is not None


def error_response(answer: Answer) -> dict[str, Any]:
    """As botocore's JSON parser has it: code and message, and what else the service says, such as the item that refused a write."""
    said = _object(answer.body)
    code = str(said.get("__type", answer.status)).split(":", 1)[0].rsplit("#", 1)[-1]
    message = said.get("message", said.get("Message", ""))
    if not said and answer.status >= 500:
        message = responses.get(answer.status, "")
    return {
        **{name: value for name, value in said.items() if name != "__type"},
        "Error": {"Message": message, "Code": code},
        "ResponseMetadata": _metadata(answer),
    }


def _read(answer: Answer) -> dict[str, Any]:
    """An answer that is cut or is none leaves open what was carried out, as one that never came."""
    checksum = answer.headers.get("x-amz-crc32")
    actual = zlib.crc32(answer.body)
    if checksum is not None and checksum != str(actual):
        raise ChecksumError(checksum_type="crc32", expected_checksum=checksum, actual_checksum=str(actual))
    try:
        said = _decoded(answer.body) if answer.body else {}
    except ValueError as error:
        raise ResponseStreamingError(error=error) from error
    if not isinstance(said, dict):
        raise ResponseStreamingError(error="the answer is no JSON object")
    return {**said, "ResponseMetadata": _metadata(answer)}


def _object(body: bytes) -> dict[str, Any]:
    """Empty where it is none: a load balancer's page, or nothing."""
    try:
        said = _decoded(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _decoded(body: bytes) -> Any:
    """Bytes are what JSON has not, and most answers have none. Raises ValueError."""
    return json.loads(body, object_hook=_with_bytes if b'"B":' in body else None)


def _metadata(answer: Answer) -> dict[str, Any]:
    metadata = {"HTTPStatusCode": answer.status, "HTTPHeaders": answer.headers}
    request_id = answer.headers.get("x-amzn-requestid")
    return metadata if request_id is None else {"RequestId": request_id, **metadata}


def _in_base64(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """`{"B": text}` is a value of bytes; an attribute that is named B holds an object."""
    if len(value) == 1 and isinstance(value.get("B"), str):
        return {"B": base64.b64decode(value["B"])}
    return value


# ---- what the environment says ------------------------------------------------------------------------------------------------


def _region_of(environment: Mapping[str, str]) -> str | None:
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")


def _region() -> str:
    found = _region_of(os.environ)
    if found is None:
        raise NoRegionError
    return found


def _address(service: str) -> str:
    """The names are the SDKs' own: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
    of_service = f"AWS_ENDPOINT_URL_{service.upper().replace(' ', '_')}"
    given = os.environ.get(of_service) or os.environ.get("AWS_ENDPOINT_URL")
    return given or f"https://{service}.{_region()}.amazonaws.com"


def _credentials() -> Callable[[], Credentials]:
    """A function's own, which stay as they are as long as it lives; where it was restored from a snapshot botocore fetches and renews
    them, and is imported for it."""
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        fixed = Credentials(key_id=key_id, secret=secret, token=os.environ.get("AWS_SESSION_TOKEN"))
        return lambda: fixed
    import botocore.session

    found: Any = botocore.session.get_session().get_credentials()
    if found is None:
        raise NoCredentialsError

    def fresh() -> Credentials:
        now = found.get_frozen_credentials()
        return Credentials(key_id=now.access_key, secret=now.secret_key, token=now.token)

    return fresh
