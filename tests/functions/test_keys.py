"""Keys, from their making to the authorizer's word: what is stored, what is compared and how, and what is taken for a key."""

import ast
import hashlib
import hmac
import json
import string
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.fakes.gate import TENANT, load, wired
from tests.infra.needs import SHARED, tree_of
from tollgate import wiring
from tollgate.domain.caller import Role
from tollgate.usecases import manage_keys
from tollgate.usecases.manage_keys import KeyAsked, NewKey, create_key

SECRET_NAMES = ("secret", "password", "api_key", "signature", "secret_hash")


@pytest.fixture(scope="module")
def authorizer() -> Iterator[ModuleType]:
    wiring.keys.cache_clear()
    with wired(KEYS_TABLE="keys"):
        wiring.dynamodb().create_table(
            TableName="keys",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        wiring.accounts().create(wiring.default_settings(TENANT), [])
        yield load("authorizers/authenticate_key")
    wiring.keys.cache_clear()


def made(*, expires_in: timedelta | None = None, role: Role = Role.TENANT) -> NewKey:
    asked = KeyAsked(
        role=role,
        tenant_id=TENANT if role is Role.TENANT else None,
        name="office",
        expires_at=wiring.clock() + expires_in if expires_in is not None else None,
    )
    return create_key(
        asked,
        wiring.keys(),
        wiring.accounts(),
        now=wiring.clock(),
        new_id=wiring.new_key_id,
        new_secret=wiring.new_secret,
    )


def word(authorizer: ModuleType, headers: Any, **event: Any) -> dict[str, Any] | str:
    """The authorizer's, or the one message with which it refuses."""
    arn = "arn:aws:execute-api:us-east-1:000000000000:api/local/GET/api/keys"
    asked = {"methodArn": arn, "headers": headers, "requestContext": {"requestId": "r-1"}} | event
    try:
        return dict(authorizer.handle(asked, SimpleNamespace(aws_request_id="r-1")))
    except Exception as error:  # noqa: BLE001 - API Gateway goes by the message of whatever it is
        return str(error)


def forged(key: str, other: str) -> Iterator[str]:
    """Whatever is near to a key: each of its characters another one, and what a person, a proxy or a parser makes of it."""
    _, key_id, secret = key.split("_", 2)
    for at, letter in enumerate(secret):
        yield f"tg_{key_id}_{secret[:at]}{'A' if letter != 'A' else 'B'}{secret[at + 1 :]}"
        yield f"tg_{key_id}_{secret[:at]}{letter.swapcase() if letter.isalpha() else '~'}{secret[at + 1 :]}"
        yield f"tg_{key_id}_{secret[:at]}{secret[at + 1 :]}"
        yield f"tg_{key_id}_{secret[:at]}{letter}{secret[at:]}"
    for at, letter in enumerate(key_id):
        yield f"tg_{key_id[:at]}{'a' if letter != 'a' else 'b'}{key_id[at + 1 :]}_{secret}"
    other_id, other_secret = other.split("_", 2)[1:]
    yield f"tg_{key_id}_{other_secret}"
    yield f"tg_{other_id}_{secret}"
    yield from (
        key.upper(),
        key.lower(),
        key[::-1],
        f'"{key}"',
        f"{key}\x00",
        f"{key}=",
        f"{key},{other}",
        f"{key};",
        f"{key}/",
        f"{key}\n.",
    )
    yield from (
        f"tg_{key_id}_{hashlib.sha256(secret.encode()).hexdigest()}",
        f"tg_{key_id}_",
        f"tg__{secret}",
        "tg",
        "tg__",
        key_id,
        secret,
    )
    yield from (
        f"tg-{key_id}-{secret}",
        f"sk-{secret}",
        key.replace("tg_", "tg＿"),
        "".join(chr(ord(each) + 0xFEE0) for each in key),
    )
    yield from (
        f"Bearer {key}",
        f"{key} {key}",
        "null",
        "undefined",
        "[object Object]",
        "*",
        "%",
        "..",
        "{}",
        "' OR ''='",
        "a" * 100_000,
    )
    yield from (f"{letter}" for letter in string.printable)


def test_a_key_opens_and_nothing_near_it_does(authorizer: ModuleType) -> None:
    mine, other = made().key, made().key
    tried = set(forged(mine, other)) - {mine, other}

    for key in tried:
        assert word(authorizer, {"Authorization": f"Bearer {key}"}) == "Unauthorized", key

    assert len(tried) > 300
    answer = word(authorizer, {"Authorization": f"Bearer {mine}"})
    assert isinstance(answer, dict)
    assert (answer["context"]["role"], answer["context"]["tenantId"]) == ("tenant", TENANT)
    print(f"{len(tried)} forged keys")


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Authorization": ""},
        {"Authorization": None},
        {"Authorization": []},
        {"Authorization": {"Bearer": "{key}"}},
        {"authorization2": "Bearer {key}"},
        {"x-api-key": "{key}"},
        {"api-key": "{key}"},
        {"Cookie": "Authorization=Bearer {key}"},
        {"Authorization": "{key}"},
        {"Authorization": "Basic {key}"},
        {"Authorization": "Token {key}"},
        {"Authorization": "Bearer{key}"},
        {"Authorization": "Bearer Bearer {key}"},
        {"Proxy-Authorization": "Bearer {key}"},
    ],
)
def test_a_key_is_taken_from_one_header_alone(authorizer: ModuleType, headers: Any) -> None:
    filled = json.loads(json.dumps(headers).replace("{key}", made().key))

    assert word(authorizer, filled) == "Unauthorized"


def test_a_key_in_the_address_is_none(authorizer: ModuleType) -> None:
    """Addresses are logged by whoever stands between."""
    key = made().key

    assert (
        word(authorizer, {}, queryStringParameters={"api_key": key, "authorization": f"Bearer {key}"}) == "Unauthorized"
    )


def test_a_key_past_its_time_and_one_that_was_revoked_are_as_unknown_as_any_other(authorizer: ModuleType) -> None:
    late, revoked = made(expires_in=timedelta(seconds=-1)), made()
    assert isinstance(word(authorizer, {"Authorization": f"Bearer {revoked.key}"}), dict)
    manage_keys.revoke_key(revoked.entry.key_id, wiring.keys())

    for key in (late.key, revoked.key, "tg_aaaaaaaaaaaa_" + "A" * 43):
        assert word(authorizer, {"Authorization": f"Bearer {key}"}) == "Unauthorized"


def test_only_the_hash_of_a_secret_is_stored(authorizer: ModuleType) -> None:
    new = made()
    secret = new.key.split("_", 2)[2]
    items = wiring.dynamodb().scan(TableName="keys")["Items"]
    [mine] = [item for item in items if item["pk"]["S"] == new.entry.key_id]

    assert mine["secret_hash"]["S"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in json.dumps(items)
    assert secret not in repr(new.entry)


def test_a_secret_has_256_bits_of_the_operating_system_s_and_no_two_are_alike() -> None:
    secrets = {wiring.new_secret() for _ in range(2_000)}

    assert len(secrets) == 2_000
    assert all(
        len(secret) == 43 and set(secret) <= set(string.ascii_letters + string.digits + "-_") for secret in secrets
    )
    assert len({secret[at] for secret in secrets for at in range(42)}) == 64


def test_hashes_are_compared_in_a_time_that_tells_nothing(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []

    def watched(one: str, two: str) -> bool:
        compared.append((one, two))
        return hmac.compare_digest(one, two)

    monkeypatch.setattr(manage_keys, "hmac", SimpleNamespace(compare_digest=watched))
    key = made().key
    word(authorizer, {"Authorization": f"Bearer {key}"})
    word(authorizer, {"Authorization": f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}"})

    assert [len(one) == len(two) == 64 for one, two in compared] == [True, True]


def test_no_secret_is_compared_by_an_operator_that_stops_at_the_first_difference() -> None:
    for path in (SHARED / "tollgate").rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                names = {getattr(each, "attr", getattr(each, "id", "")) for each in (node.left, *node.comparators)}
                assert not names & set(SECRET_NAMES), f"{path.name}:{node.lineno}"
