"""python -m infra.replay [all | list]: spans that could not be written, tried again (infra/runbooks/replay.md).

`list` shows what lies in the bucket UnwrittenSpans, and why; `all` (the default) tries it again too, deletes what is stored, and leaves
the rest. With --local on the local stack, else on AWS with your own credentials. Ends with 1 where something is left.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.configuration import StackError
from infra.restore import Deployed, find

BUCKET, TASK = "UnwrittenSpans", "ReplaySpans"
POISON = "poison/"
# Lambda takes 6 MB at once, and a record carries its whole page, which may have 400 KB.
BYTES_AT_ONCE = 4_000_000


class Unreadable(Exception):
    """An object that is neither of the two kinds; it is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One object of the bucket: a record that the writer put aside, or a batch that Lambda gave up on; and why."""

    key: str
    why: str
    records: Sequence[Mapping[str, Any]]

    @property
    def is_batch(self) -> bool:
        return not self.key.startswith(POISON)


def parse(key: str, text: str) -> Kept:
    """Raises Unreadable."""
    try:
        body = json.loads(text)
        if "record" in body:
            return Kept(key=key, why=str(body["fault"]), records=[body["record"]])
        payload = body["payload"]
        records = (json.loads(payload) if isinstance(payload, str) else payload)["Records"]
        return Kept(key=key, why=_why(body), records=list(records))
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"neither a record that was put aside nor a batch: {error!r}") from error


def _why(body: Mapping[str, Any]) -> str:
    request, response = body.get("requestContext", {}), body.get("responseContext", {})
    tries = request.get("approximateInvokeCount", "?")
    condition, fault = request.get("condition", "?"), response.get("functionError", "no error told")
    return f"{condition} after {tries} tries, {fault}"


# ---- the bucket -------------------------------------------------------------------------------------------------------------


def keys(deployed: Deployed) -> list[str]:
    pages = deployed.client("s3").get_paginator("list_objects_v2").paginate(Bucket=deployed.name(BUCKET))
    return sorted(each["Key"] for page in pages for each in page.get("Contents", []))


def read(deployed: Deployed, key: str) -> Kept:
    """Raises Unreadable."""
    body = deployed.client("s3").get_object(Bucket=deployed.name(BUCKET), Key=key)["Body"].read()
    return parse(key, body.decode(errors="replace"))


def forget(deployed: Deployed, key: str) -> None:
    deployed.client("s3").delete_object(Bucket=deployed.name(BUCKET), Key=key)


def put_aside(deployed: Deployed, name: str, fault: str, record: Mapping[str, Any]) -> None:
    """As the writer does it."""
    text = json.dumps({"fault": fault, "record": record}, ensure_ascii=True, separators=(",", ":"))
    deployed.client("s3").put_object(Bucket=deployed.name(BUCKET), Key=name, Body=text.encode())


# ---- trying again -----------------------------------------------------------------------------------------------------------


def replay(deployed: Deployed, kept: Kept) -> list[str]:
    """Returns what still fails. A batch's records that do lie apart afterwards, so that the batch itself is done."""
    added, repeated, faults = 0, 0, list[str]()
    for part in portions(kept.records):
        done = invoke(deployed, part)
        added, repeated = added + done["added"], repeated + done["repeated"]
        for each in done["faults"]:
            faults.append(f"{each['name']}: {each['fault']}")
            if kept.is_batch:
                put_aside(deployed, each["name"], each["fault"], part[each["number"]])
    if kept.is_batch or not faults:
        forget(deployed, kept.key)
    print(f"{kept.key}: {added} stored, {repeated} were stored already, {len(faults)} still fail")
    return faults


def portions(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    portion, size = list[Mapping[str, Any]](), 0
    for record in records:
        length = len(json.dumps(record))
        if portion and size + length > BYTES_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(record)
        size += length
    if portion:
        yield portion


def invoke(deployed: Deployed, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    payload = json.dumps({"Records": records}).encode()
    answer = deployed.client("lambda").invoke(FunctionName=deployed.name(TASK), Payload=payload)
    text = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise StackError(f"{TASK} failed, and can be run again: {text}")
    return dict(json.loads(text))


# ---- the command ------------------------------------------------------------------------------------------------------------


def run(deployed: Deployed, *, tries: bool) -> int:
    """0 where nothing is left in the bucket."""
    left = list[str]()
    for key in keys(deployed):
        try:
            kept = read(deployed, key)
        except Unreadable as error:
            left.append(f"{key}: {error}")
            continue
        print(f"{kept.key}: {len(kept.records)} records, put aside for: {kept.why}")
        left += replay(deployed, kept) if tries else [kept.key]
    if tries:
        for fault in left:
            print(fault, file=sys.stderr)
        print(f"{len(left)} still fail." if left else "Nothing is put aside.")
    return 1 if left else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.replay", description=__doc__)
    parser.add_argument("step", nargs="?", default="all", choices=["all", "list"])
    parser.add_argument("--stack", default="tollgate")
    parser.add_argument("--local", action="store_true")
    chosen = parser.parse_args()
    try:
        return run(find(chosen.stack, local=chosen.local), tries=chosen.step == "all")
    except (StackError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
