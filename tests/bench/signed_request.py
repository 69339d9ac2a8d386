"""The floor: the least that a signed request to DynamoDB takes in Python, on one kept connection, without a client library.

Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import lru_cache
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

TYPE, TARGET = "application/x-amz-json-1.0", "DynamoDB_20120810.UpdateItem"
SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


class SignedRequest:
    def __init__(self, url: str, *, key_id: str, secret: str, token: str, region: str) -> None:
        self._host = urlsplit(url).netloc
        self._connection = HTTPConnection(self._host, timeout=2)
        self._key_id, self._secret, self._token, self._region = key_id, secret, token, region

    def update_item(self, **request: Any) -> Any:
        body = json.dumps(request, separators=(",", ":")).encode()
        self._connection.request("POST", "/", body, self._headers(body))
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        self._connection.close()

    def _headers(self, body: bytes) -> dict[str, str]:
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{self._region}/dynamodb/aws4_request"
        canonical = (
            f"POST\n/\n\ncontent-type:{TYPE}\nhost:{self._host}\nx-amz-date:{at}\nx-amz-security-token:{self._token}\n"
            f"x-amz-target:{TARGET}\n\n{SIGNED}\n{hashlib.sha256(body).hexdigest()}"
        )
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(_key(self._secret, at[:8], self._region), to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"AWS4-HMAC-SHA256 Credential={self._key_id}/{scope}"
        return {
            "Content-Type": TYPE,
            "X-Amz-Date": at,
            "X-Amz-Security-Token": self._token,
            "X-Amz-Target": TARGET,
            "Authorization": f"{credential}, SignedHeaders={SIGNED}, Signature={signature}",
        }


@lru_cache
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "dynamodb", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
