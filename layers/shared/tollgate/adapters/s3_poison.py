"""What cannot be stored, put aside in S3 as it came, to be replayed when the cause is mended."""

import json
from typing import TYPE_CHECKING, Any

from tollgate.domain.place import Delivery

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Poison:
    """Makes its client when the first record needs it: normally never."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._made: S3Client | None = None

    def put_aside(self, delivery: Delivery, fault: str) -> None:
        """The same record again is the same object again. Raises what S3 raises, or the record would be lost."""
        if not self._bucket:
            raise ValueError(f"no POISON_BUCKET to put {delivery.name} aside in, which cannot be stored: {fault}")
        body: dict[str, Any] = {"fault": fault, "record": delivery.record}
        text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
        self._client().put_object(Bucket=self._bucket, Key=delivery.name, Body=text.encode())

    def _client(self) -> "S3Client":
        if self._made is None:
            import boto3  # not on the cold start of a function that needs it for broken records only
            from botocore.config import Config

            config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
            self._made = boto3.client("s3", config=config)
        return self._made
