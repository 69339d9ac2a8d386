"""The production template onto the local AWS: secrets, `sam deploy`, migrations, the first key."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from samcli.yamlhelper import yaml_parse

from infra.build import SAM, Target, build, exclusive, quiet_sam, run_aside
from infra.local import postgres
from infra.local.configuration import REGION, Configuration, StackError
from infra.local.daemons import PASSED_ON, log_file, tail
from infra.local.openai_server.organization import DEFAULT_PROJECT
from infra.local.services import AWS_ENVIRONMENT
from infra.local.servicetitan_server.access import APP_KEY
from infra.local.servicetitan_server.shops import SHOPS

STACK = "tollgate"
STAGE = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    api_id: str
    ledger_table: str
    keys_table: str
    functions: Mapping[str, str]


def deploy(configuration: Configuration) -> Deployed:
    """Builds and deploys what has changed since the last time."""
    target = Target.native(configuration.builds)
    parameters = {**target.parameters, **parameters_of(configuration), **put_secrets(configuration)}
    record = configuration.state / "deployed"
    with exclusive(target), build_log(configuration) as output:
        try:
            digest = digest_of(build(target, output=output), parameters)
            if not (record.exists() and record.read_text(encoding="utf-8") == digest and is_deployed(configuration)):
                record.unlink(missing_ok=True)
                sam_deploy(configuration, target.template, parameters, output)
                apply_gateway_responses(configuration, target.template)
                record.write_text(digest, encoding="utf-8")
        except CalledProcessError as error:
            raise StackError(f"sam {error.cmd[1]} failed:\n{tail(configuration.state, 'sam', lines=40)}") from error
    return read_deployed(configuration)


def parameters_of(configuration: Configuration) -> dict[str, str]:
    given = configuration.text
    shop = min(SHOPS) if configuration.own_servicetitan else ""
    return {
        "Environment": STAGE,
        "AwsEndpointUrl": configuration.aws_endpoint_url,
        "LogLevel": given("LOG_LEVEL", "INFO"),
        "DatabaseUrl": given("DATABASE_URL") or postgres.url(configuration),
        # Somebody else's database is asked as whom its address names.
        "DatabaseRoles": "false" if given("DATABASE_URL") else "true",
        "OpenAiBaseUrl": configuration.openai_base_url,
        "OpenAiAdminBaseUrl": configuration.openai_admin_base_url,
        "OpenAiSharedProject": given("OPENAI_SHARED_PROJECT", DEFAULT_PROJECT if configuration.own_openai else ""),
        "HeliconeBaseUrl": given("HELICONE_BASE_URL", "https://oai.helicone.ai/v1"),
        "HeliconeMode": given("HELICONE_MODE", "proxy"),
        "HeliconeLogUrl": given("HELICONE_LOG_URL", "https://api.worker.helicone.ai/custom/v1/log"),
        "OtlpEndpoint": given("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "ServiceTitanBaseUrl": configuration.servicetitan_base_url,
        "ServiceTitanAuthUrl": configuration.servicetitan_auth_url,
        "ServiceTitanTenantId": given("SERVICETITAN_TENANT_ID", str(shop)),
        "ServiceTitanEnvironment": given("SERVICETITAN_ENVIRONMENT", "production"),
        "ServiceTitanTollgateTenant": given("SERVICETITAN_TOLLGATE_TENANT", "bluebird" if shop else ""),
        "ServiceTitanTimezone": given("SERVICETITAN_TIMEZONE", "America/Chicago" if shop else "UTC"),
        "DefaultDailyBudget": given("DEFAULT_DAILY_BUDGET", "100"),
        "DefaultMonthlyBudget": given("DEFAULT_MONTHLY_BUDGET", "2000"),
        "BudgetSoftCap": given("BUDGET_SOFT_CAP", "0.8"),
        "DefaultModel": given("DEFAULT_MODEL", "gpt-4o"),
        "CheaperModel": given("CHEAPER_MODEL", "gpt-4o-mini"),
        "PriceOverrides": given("PRICE_OVERRIDES"),
        # The gateway serves streams beside ministack (environments.py), which hands over whole answers only.
        "ResponseStreaming": "false",
        "ChatTimeoutSeconds": given("CHAT_TIMEOUT_SECONDS", "40"),
        "BreakerFailures": given("BREAKER_FAILURES", "10"),
        "BreakerRateLimits": given("BREAKER_RATE_LIMITS", "20"),
        "BreakerWindowSeconds": given("BREAKER_WINDOW_SECONDS", "30"),
        "BreakerOpenSeconds": given("BREAKER_OPEN_SECONDS", "5"),
        "BreakerLongestOpenSeconds": given("BREAKER_LONGEST_OPEN_SECONDS", "60"),
        "LoopRepeats": given("LOOP_REPEATS", "20"),
        "LoopFailures": given("LOOP_FAILURES", "20"),
        "LoopWindowSeconds": given("LOOP_WINDOW_SECONDS", "60"),
        "LoopOpenSeconds": given("LOOP_OPEN_SECONDS", "60"),
        "IdempotencyAnswers": given("IDEMPOTENCY_ANSWERS", "encrypted"),
        "IdempotencyHours": given("IDEMPOTENCY_HOURS", "24"),
        "SweepRate": "rate(1 minute)",
        "RollUpRate": "rate(1 minute)",
        "SyncRate": "rate(1 minute)",
        "SyncTimeoutSeconds": given("SYNC_TIMEOUT_SECONDS", "900"),
    }


def put_secrets(configuration: Configuration) -> dict[str, str]:
    """Returns the parameters that name the secrets."""
    given = configuration.text
    shop = SHOPS[min(SHOPS)]
    servicetitan = {
        "clientId": given("SERVICETITAN_CLIENT_ID", shop.client_id),
        "clientSecret": given("SERVICETITAN_CLIENT_SECRET", shop.client_secret),
        "appKey": given("SERVICETITAN_APP_KEY", APP_KEY),
    }
    named = {
        "OpenAiApiKeySecretArn": put_secret(configuration, "openai-api-key", given("OPENAI_API_KEY", "sk-local")),
        "ServiceTitanSecretArn": put_secret(configuration, "servicetitan", json.dumps(servicetitan)),
    }
    admin_key = given("OPENAI_ADMIN_KEY", "sk-admin-local" if configuration.own_openai else "")
    if admin_key:
        named["OpenAiAdminKeySecretArn"] = put_secret(configuration, "openai-admin-key", admin_key)
    if given("HELICONE_API_KEY"):
        arn = put_secret(configuration, "helicone-api-key", given("HELICONE_API_KEY"))
        named["HeliconeApiKeySecretArn"] = arn
    if given("OTEL_EXPORTER_OTLP_HEADERS"):
        arn = put_secret(configuration, "otlp-headers", given("OTEL_EXPORTER_OTLP_HEADERS"))
        named["OtlpHeadersSecretArn"] = arn
    return named


def put_secret(configuration: Configuration, name: str, text: str) -> str:
    client = aws(configuration, "secretsmanager")
    try:
        return str(client.create_secret(Name=f"tollgate/{name}", SecretString=text)["ARN"])
    except client.exceptions.ResourceExistsException:
        return str(client.put_secret_value(SecretId=f"tollgate/{name}", SecretString=text)["ARN"])


def build_log(configuration: Configuration) -> IO[str]:
    log = log_file(configuration.state, "sam")
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("w", encoding="utf-8")


def digest_of(built: str, parameters: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([built, sorted(parameters.items())]).encode()).hexdigest()


def is_deployed(configuration: Configuration) -> bool:
    try:
        stacks = aws(configuration, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return False
    return stacks[0]["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def sam_deploy(configuration: Configuration, template: Path, parameters: Mapping[str, str], output: IO[str]) -> None:
    command = [SAM, "deploy", "--template-file", str(template), "--stack-name", STACK, "--resolve-s3"]
    command += ["--capabilities", "CAPABILITY_IAM", "--region", REGION, "--no-progressbar"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    command += ["--parameter-overrides", *(f"{name}={quoted(value)}" for name, value in parameters.items())]
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    endpoint = {"AWS_ENDPOINT_URL": configuration.aws_endpoint_url, "SAM_CLI_POLL_DELAY": "1"}
    run_aside(
        command,
        environment={**environment, **AWS_ENVIRONMENT, **endpoint, **quiet_sam(configuration.state)},
        output=output,
    )


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def apply_gateway_responses(configuration: Configuration, template: Path) -> None:
    """ministack leaves these out when it reads the API's definition; deployed anew, the stage answers with them."""
    api = yaml_parse(template.read_text(encoding="utf-8"))["Resources"]["Api"]["Properties"]
    client, api_id = aws(configuration, "apigateway"), read_deployed(configuration).api_id
    for kind, response in api["GatewayResponses"].items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        client.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseTemplates=response["ResponseTemplates"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            **({"statusCode": str(response["StatusCode"])} if "StatusCode" in response else {}),
        )
    client.create_deployment(restApiId=api_id, stageName=STAGE)


def read_deployed(configuration: Configuration) -> Deployed:
    client = aws(configuration, "cloudformation")
    outputs = {
        out["OutputKey"]: out["OutputValue"] for out in client.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    }
    resources = client.describe_stack_resources(StackName=STACK)["StackResources"]
    functions = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }
    return Deployed(
        api_id=outputs["ApiId"],
        ledger_table=outputs["LedgerTable"],
        keys_table=outputs["KeysTable"],
        functions=functions,
    )


def migrate(configuration: Configuration, deployed: Deployed) -> None:
    invoke(configuration, deployed.functions["MigrateDatabase"], {})
    if not configuration.text("DATABASE_URL"):
        postgres.give_passwords(configuration)


def admin_key(configuration: Configuration, deployed: Deployed) -> str:
    """Made once: its hash lies in the table, itself only in our state."""
    file = configuration.state / "admin-key.json"
    if file.exists():
        made = json.loads(file.read_text(encoding="utf-8"))
        stored = aws(configuration, "dynamodb").get_item(
            TableName=deployed.keys_table, Key={"pk": {"S": made["keyId"]}}
        )
        if "Item" in stored:
            return str(made["key"])
    made = invoke(configuration, deployed.functions["CreateAdminKey"], {"name": "local"})
    file.touch(mode=0o600)
    file.write_text(json.dumps(made), encoding="utf-8")
    return str(made["key"])


def invoke(configuration: Configuration, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = aws(configuration, "lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    except HTTPClientError as error:
        raise StackError(f"{function} gave no answer: {error}") from error
    text = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise StackError(f"{function} failed: {text}")
    return dict(json.loads(text) or {})


def aws(configuration: Configuration, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=configuration.aws_endpoint_url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}, read_timeout=320),
    )
