"""The signature, compared with that of botocore's own signer."""

from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from tollgate.adapters.aws_signature import Credentials, Scope, signed_headers

WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+=", min_size=1, max_size=40)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=7_000)).map(lambda time: datetime(2020, 1, 1, tzinfo=UTC) + time)


@given(
    body=st.binary(max_size=200),
    secret=WORDS,
    token=st.none() | WORDS,
    service=st.sampled_from(["dynamodb", "secretsmanager"]),
    region=st.sampled_from(["us-east-1", "ap-southeast-2", "us-gov-west-1"]),
    host=st.sampled_from(["dynamodb.us-east-1.amazonaws.com", "127.0.0.1:4566", "localhost:4566"]),
    at=MOMENTS,
)
def test_a_request_is_signed_as_botocore_signs_it(
    body: bytes, secret: str, token: str | None, service: str, region: str, host: str, at: datetime
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.UpdateItem"}
    credentials = Credentials(key_id="AKIDEXAMPLE", secret=secret, token=token)

    signed = signed_headers(body, headers, Scope(service=service, region=region, host=host), credentials, at=at)

    theirs = SigV4Auth(BotoCredentials("AKIDEXAMPLE", secret, token), service, region)
    request = AWSRequest("POST", f"http://{host}/", headers=headers, data=body)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if token is not None:
        request.headers["X-Amz-Security-Token"] = token
    signature = theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request)
    theirs._inject_signature_to_request(request, signature)
    assert signed["authorization"] == request.headers["Authorization"]
    assert signed["x-amz-date"] == request.headers["X-Amz-Date"]
    assert signed.get("x-amz-security-token") == token
