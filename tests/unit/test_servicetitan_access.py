"""Where ServiceTitan is and with what it may be asked: addresses, the given connection, and everybody's credentials."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tollgate.adapters.servicetitan_access import (
    Addresses,
    Credentials,
    addresses_of,
    credentials_of,
    given_connection,
    parse_credentials,
)
from tollgate.domain.connection import Connection, Environment
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault

PLATFORM, PREFIX = "arn:aws:secretsmanager:us-east-1:1:secret:servicetitan", "tollgate/test/servicetitan/"
ADDED = Connection(
    tenant_id="bluebird", environment=Environment.PRODUCTION, servicetitan_tenant_id="1001", timezone="UTC"
)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "http://api.servicetitan.io",
        "https://api.servicetitan.io.evil.example",
        "https://api.servicetitan.io@evil.example",
        "https://user:word@api.servicetitan.io",
        "https://api.servicetitan.io/v1",
        "https://api.servicetitan.io:8443",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "ftp://127.0.0.1",
        "api.servicetitan.io",
    ],
)
def test_secrets_go_to_no_other_address(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Addresses(base_url=url, auth_url="https://auth.servicetitan.io")
    with pytest.raises(ValueError, match="must be"):
        Addresses(base_url="https://api.servicetitan.io", auth_url=url)


def found(environment: str = "production", base_url: str = "", auth_url: str = "") -> Addresses:
    return addresses_of(
        environment=environment,
        base_url=base_url or "https://api.servicetitan.io",
        auth_url=auth_url or "https://auth.servicetitan.io",
    )


def test_each_environment_has_addresses_of_its_own_whatever_the_settings_name() -> None:
    own = Addresses(
        base_url="https://api-integration.servicetitan.io", auth_url="https://auth-integration.servicetitan.io"
    )

    assert found("integration") == own
    assert found("integration", own.base_url, own.auth_url) == own
    assert found("production", own.base_url, own.auth_url) == found()
    with pytest.raises(ValueError, match="SERVICETITAN_ENVIRONMENT"):
        found("staging")


@pytest.mark.parametrize("environment", ["production", "integration"])
def test_where_the_settings_name_this_machine_all_connections_go_there(environment: str) -> None:
    local = found(environment, "http://127.0.0.1:8082", "http://localhost:8083/")

    assert (local.base_url, local.auth_url) == ("http://127.0.0.1:8082", "http://localhost:8083")


def test_a_token_of_servicetitan_s_is_not_sent_to_this_machine_nor_the_other_way() -> None:
    for base_url, auth_url in (("http://127.0.0.1:8082", ""), ("", "http://127.0.0.1:8083")):
        with pytest.raises(ValueError, match="both"):
            found("production", base_url, auth_url)


def test_addresses_of_somebody_else_are_refused_before_the_environment_s_own_are_taken() -> None:
    with pytest.raises(ValueError, match="ServiceTitan's own"):
        found("integration", "https://evil.example")


def test_the_retired_host_is_taken_for_the_present_one() -> None:
    assert found(base_url="https://api.servicetitan.com/") == found()


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("cs2.very-secret", "not a JSON object"),
        ('["cs2.very-secret"]', "not a JSON object"),
        ('{"clientId": "a", "appKey": "cs2.very-secret"}', "clientSecret"),
        ('{"clientId": "a", "clientSecret": "cs2.very-secret\\n", "appKey": "b"}', "clientSecret"),
    ],
)
def test_an_unusable_secret_is_described_and_not_quoted(secret: str, says: str) -> None:
    with pytest.raises(JobSourceFailed, match=says) as caught:
        parse_credentials(secret)

    assert "very-secret" not in str(caught.value)
    assert caught.value.fault is SourceFault.CREDENTIALS


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "a b", "\ta", "schl\u00fcssel", "a" * 501])
def test_a_credential_is_printable_and_without_spaces(value: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        Credentials(client_id="a", client_secret=value, app_key="b")


# ---- of one connection -----------------------------------------------------------------------------------------------------------


def read_of(**secrets: object) -> Any:
    texts = {"platform": PLATFORM, "own": f"{PREFIX}{ADDED.id}"}
    kept = {texts[name]: value if isinstance(value, str) else json.dumps(value) for name, value in secrets.items()}

    def read(name: str) -> str:
        if name not in kept:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetSecretValue")
        return kept[name]

    return read


def credentials(connection: Connection, read: Any, *, arn: str = PLATFORM) -> Credentials:
    return credentials_of(connection, platform_arn=arn, prefix=PREFIX, read=read)()


OWN = {"clientId": "cid.own", "clientSecret": "cs2.very-secret"}
WHOLE = {"clientId": "cid.given", "clientSecret": "cs2.given", "appKey": "ak1.very-secret"}


def test_a_connection_has_its_own_client_and_the_platform_s_application_key() -> None:
    own = Credentials(client_id="cid.own", client_secret="cs2.very-secret", app_key="ak1.very-secret")

    assert credentials(ADDED, read_of(platform={"appKey": "ak1.very-secret"}, own=OWN)) == own
    assert credentials(ADDED, read_of(platform=WHOLE, own=OWN)) == own


def test_the_given_connection_has_all_from_the_platform_s_secret() -> None:
    given = given_by(tenant_id="1001")
    assert given is not None

    found = credentials(given, read_of(platform=WHOLE, own=OWN))

    assert found == Credentials(client_id="cid.given", client_secret="cs2.given", app_key="ak1.very-secret")


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (read_of(platform={"appKey": "ak1.very-secret"}), "This connection's secret cannot be read"),
        (read_of(own=OWN), "The secret of ServiceTitanSecretArn cannot be read"),
        (read_of(platform={"appKey": ""}, own=OWN), "The secret of ServiceTitanSecretArn has no appKey"),
        (read_of(platform=WHOLE, own={"clientId": "cid.own"}), "This connection's secret has no clientSecret"),
        (read_of(platform=WHOLE, own="cs2.very-secret"), "This connection's secret is not a JSON object"),
        (read_of(platform=WHOLE, own=OWN | {"clientSecret": "cs2.very-secret\n"}), "a line break"),
    ],
)
def test_what_is_wrong_with_a_secret_names_the_secret_and_not_what_it_holds(read: Any, says: str) -> None:
    with pytest.raises(JobSourceFailed, match=says) as caught:
        credentials(ADDED, read)

    assert caught.value.fault is SourceFault.CREDENTIALS
    assert "very-secret" not in str(caught.value)


def test_without_a_platform_secret_the_parameter_that_names_it_is_named() -> None:
    with pytest.raises(JobSourceFailed, match="ServiceTitanSecretArn"):
        credentials(ADDED, read_of(own=OWN), arn="")


def test_a_vault_that_cannot_be_reached_is_told_as_such() -> None:
    def away(_: str) -> str:
        raise EndpointConnectionError(endpoint_url="http://secrets.test")

    with pytest.raises(JobSourceFailed, match="EndpointConnectionError"):
        credentials(ADDED, away)


def given_by(**changed: str) -> Connection | None:
    usual = {
        "environment": "production",
        "tenant_id": "",
        "secret_arn": PLATFORM,
        "tollgate_tenant": "",
        "timezone": "UTC",
    }
    return given_connection(**(usual | changed))


def test_the_environment_s_variables_give_a_connection_only_with_a_tenant_and_a_secret() -> None:
    assert given_by() is None
    assert given_by(tenant_id="1001", secret_arn="") is None

    given = given_by(tenant_id="1001")

    assert given is not None
    assert (given.id, given.tenant_id, given.is_given) == ("production-1001", "servicetitan-1001", True)


def test_the_given_connection_belongs_to_the_tenant_that_is_named() -> None:
    given = given_by(
        tenant_id="1001", tollgate_tenant="bluebird", timezone="America/Chicago", environment="integration"
    )

    assert given is not None
    assert (given.id, given.tenant_id, given.timezone) == ("integration-1001", "bluebird", "America/Chicago")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"tenant_id": "12a"}, "SERVICETITAN_TENANT_ID.*digits"),
        ({"tenant_id": "1", "timezone": "Chicago"}, "SERVICETITAN_TIMEZONE.*IANA"),
        ({"tenant_id": "1", "tollgate_tenant": "Blue Bird"}, "SERVICETITAN_TOLLGATE_TENANT"),
        ({"tenant_id": "1", "environment": "staging"}, "SERVICETITAN_ENVIRONMENT"),
    ],
)
def test_variables_that_make_no_connection_are_named(changed: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        given_by(**changed)
