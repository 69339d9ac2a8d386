import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.fakes.spans import a_record
from tollgate.adapters.ledger_stream import delivery_of
from tollgate.adapters.s3_poison import S3Poison


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="unwritten")
        yield "unwritten"


def test_the_whole_record_is_kept_with_its_fault(bucket: str) -> None:
    record = a_record("not json", seq=3)
    delivery = delivery_of(record)

    S3Poison(bucket).put_aside(delivery, "no span")

    kept = boto3.client("s3").get_object(Bucket=bucket, Key="poison/acme-hvac/2026-11/0-3.json")["Body"].read()
    assert json.loads(kept) == {"fault": "no span", "record": record}


def test_half_a_surrogate_pair_does_not_keep_a_record_from_being_kept(bucket: str) -> None:
    record = a_record("\ud83d", seq=3)

    S3Poison(bucket).put_aside(delivery_of(record), "no span")

    kept = boto3.client("s3").get_object(Bucket=bucket, Key="poison/acme-hvac/2026-11/0-3.json")["Body"].read()
    assert json.loads(kept)["record"] == record


def test_without_a_bucket_it_fails_loudly() -> None:
    with pytest.raises(ValueError, match="POISON_BUCKET"):
        S3Poison("").put_aside(delivery_of(a_record("not json", seq=3)), "no span")
