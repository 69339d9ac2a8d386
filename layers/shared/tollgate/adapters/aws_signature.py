"""AWS' Signature Version 4 of one JSON request, the same to the letter as botocore's (tests/unit/test_aws_signature.py).

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    key_id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a signature is good for. `host`: with the port, where it is not the scheme's own."""

    service: str
    region: str
    host: str
    path: str = "/"


def signed_headers(
    body: bytes, headers: dict[str, str], scope: Scope, credentials: Credentials, *, at: datetime
) -> dict[str, str]:
    """`headers`, whose names are lower-case, and those that sign them and the body. `at`: UTC."""
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    signing = {**headers, "host": scope.host, "x-amz-date": moment}
    if credentials.token is not None:
        signing["x-amz-security-token"] = credentials.token
    names = sorted(signing)
    listed = ";".join(names)
    lines = "".join(f"{name}:{signing[name]}\n" for name in names)
    request = f"POST\n{scope.path}\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
    good_for = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{good_for}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _key(credentials.secret, moment[:8], scope.region, scope.service)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    word = f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{good_for}, SignedHeaders={listed}, Signature={signature}"
    return {**signing, "authorization": word}


@lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """Good for a day, so that each call saves four hashes."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
