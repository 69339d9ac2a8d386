"""What a function may do at AWS by its policies, and what its code does there."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.calls import Reach, Symbol, reach_of
from tests.infra.template import handler
from tollgate.adapters import dynamodb_breakers, dynamodb_connections, dynamodb_leases, dynamodb_models, dynamodb_syncs

ADAPTERS = "tollgate.adapters."
WIRING = "tollgate.wiring"
# Which calls ask for which right, and in which adapters they are those of AWS. A new adapter of an AWS service needs a line here.
CALLS: dict[str, dict[str, str]] = {
    "dynamodb_": {
        "get_item": "dynamodb:GetItem",
        "put_item": "dynamodb:PutItem",
        "update_item": "dynamodb:UpdateItem",
        "delete_item": "dynamodb:DeleteItem",
        "query": "dynamodb:Query",
        "scan": "dynamodb:Scan",
    },
    "secrets": {"get_secret_value": "secretsmanager:GetSecretValue"},
    "connection_secrets": {
        "put_secret_value": "secretsmanager:PutSecretValue",
        "create_secret": "secretsmanager:CreateSecret",
        "delete_secret": "secretsmanager:DeleteSecret",
    },
    "codedeploy_hook": {"put_lifecycle_event_hook_execution_status": "codedeploy:PutLifecycleEventHookExecutionStatus"},
    "sqs_queue": {"send_message_batch": "sqs:SendMessage"},
    "eventbridge_alerts": {"put_events": "events:PutEvents"},
    "invoked_": {"invoke": "lambda:InvokeFunction"},
    "s3_poison": {"put_object": "s3:PutObject"},
    "postgres": {"generate_db_auth_token": "rds-db:connect"},
}
# These make the calls that the others ask for.
CARRIERS = {"dynamodb_wire", "dynamodb_client"}
# What a transaction's writes are called in it.
IN_TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
# The settings that name what a right is for.
NAMED_BY = {
    "secretsmanager:GetSecretValue": ("_secret_arn", "_secret_prefix"),
    "secretsmanager:PutSecretValue": ("_secret_prefix",),
    "secretsmanager:CreateSecret": ("_secret_prefix",),
    "secretsmanager:DeleteSecret": ("_secret_prefix",),
    "sqs:SendMessage": ("_queue_url",),
    "events:PutEvents": ("_bus",),
    "lambda:InvokeFunction": ("_function",),
    "s3:PutObject": ("_bucket",),
}
# Those that no setting names: CloudFormation draws the names of deployment groups from the stack's.
FIXED = {"codedeploy:PutLifecycleEventHookExecutionStatus": "deploymentgroup:-*"}
# Classes that know one partition of their table and no other, or those whose keys begin alike.
PARTITIONS = {
    "DynamoDbBreakers": dynamodb_breakers.PARTITION,
    "DynamoDbConnections": dynamodb_connections.PARTITION,
    "DynamoDbLeases": dynamodb_leases.PARTITION,
    "DynamoDbModelEnds": dynamodb_models.KEY["pk"]["S"],
    "DynamoDbSyncs": dynamodb_syncs.PARTITION,
    "DynamoDbAccounts": "TENANT#*",
}


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """`partition`: empty for the whole table."""

    action: str
    resource: str
    partition: str = ""

    def covers(self, other: "Right") -> bool:
        return (self.action, self.resource) == (other.action, other.resource) and self.partition in (
            "",
            other.partition,
        )


def missing(function: Mapping[str, Any]) -> set[Right]:
    """Needed, and not granted."""
    granted = rights_granted(function)
    return {each for each in rights_needed(function) if not any(grant.covers(each) for grant in granted)}


def wider(function: Mapping[str, Any]) -> set[Right]:
    """Granted, and not needed, or for the whole table where one partition is enough."""
    needed = rights_needed(function)
    return {grant for grant in rights_granted(function) if not any(_is_just(grant, each) for each in needed)}


def _is_just(grant: Right, need: Right) -> bool:
    """All tenants' partitions are as good as the table."""
    return grant == need or (grant.covers(need) and need.partition.endswith("*"))


# ---- what the policies say --------------------------------------------------------------------------------------------------


def rights_granted(function: Mapping[str, Any]) -> set[Right]:
    found = set()
    for policy in function.get("Policies", []):
        assert isinstance(policy, dict), f"{policy}: a policy of AWS's is wider than what one function does"
        assert "Statement" in policy, f"{policy}: SAM's policy templates are wider than what one function does"
        for statement in policy["Statement"]:
            for action in _listed(statement["Action"]):
                for resource in names_of(statement["Resource"]):
                    found |= {Right(action, resource, partition) for partition in _partitions(statement)}
    return found


def _partitions(statement: Mapping[str, Any]) -> list[str]:
    match statement.get("Condition"):
        case None:
            return [""]
        case {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}, **rest} if not rest:
            return [str(key) for key in keys]
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*"]}, **rest} if not rest:
            return ["TENANT#*"]
        case other:
            raise AssertionError(f"a condition that no test knows: {other}")


def names_of(value: Any) -> list[str]:
    """The names of what a value of the template refers to, whichever of its attributes is named, here or as another stack's output."""
    match value:
        case {"Ref": str(name)}:
            return [_bare(name)] if name != "AWS::NoValue" else []
        case {"Fn::GetAtt": [owner, *attributes]}:
            path = ".".join(map(str, attributes))
            return [_bare(path.removeprefix("Outputs.") if path.startswith("Outputs.") else str(owner))]
        case {"Fn::Sub": str(text)}:
            return [_of_text(text)]
        case {"Fn::If": [_, *branches]}:
            return [name for branch in branches for name in names_of(branch)]
        case list():
            return [name for each in value for name in names_of(each)]
        case str():
            return [value]
    raise AssertionError(f"not a name: {value}")


def _of_text(text: str) -> str:
    """`${State.Outputs.LedgerArn}/index/due` and `${Ledger.Arn}/index/due` are the same; an ARN's own words go away."""

    def named(found: re.Match[str]) -> str:
        owner, _, attribute = found[1].partition(".")
        if owner.startswith("AWS::"):
            return ""
        return _bare(attribute.removeprefix("Outputs.") if attribute.startswith("Outputs.") else owner)

    told = re.sub(r"\$\{([^}]+)\}", named, text)
    if told.startswith("arn:"):
        told = told.split(":", 5)[5]
    return re.sub(r"^(secret:|event-bus/|dbuser:[^/]*/|table/|function:)", "", told)


def _bare(name: str) -> str:
    """A nested stack calls an output LedgerArn or LedgerTable; a function's alias is the function."""
    return re.sub(r"(Aliaslive|\.Alias|(?<=[a-z])(Table|Bucket|Function)?(Arn|Name)?)$", "", name) or name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---- what the code does -----------------------------------------------------------------------------------------------------


def rights_needed(function: Mapping[str, Any]) -> set[Right]:
    reach = reach_of(handler(function))
    return {
        right
        for unit, node in _adapters(reach)
        for action in actions_in(unit, node, reach)
        for right in rights_for(action, unit, node, reach, function)
    }


def _adapters(reach: Reach) -> Iterator[tuple[Symbol, ast.AST]]:
    for unit, node in reach.nodes():
        if unit.module.startswith(ADAPTERS) and unit.module.removeprefix(ADAPTERS) not in CARRIERS:
            yield unit, node


def actions_in(unit: Symbol, node: ast.AST, reach: Reach) -> Iterator[str]:
    module = unit.module.removeprefix(ADAPTERS)
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and each.attr == "transact_write_items":
            yield from _transacted(unit, reach)
        elif isinstance(each, ast.Attribute):
            yield from (known[each.attr] for of, known in CALLS.items() if module.startswith(of) and each.attr in known)


def _transacted(unit: Symbol, reach: Reach) -> Iterator[str]:
    """What its class puts into transactions: `{"Put": ...}`."""
    for other, node in _adapters(reach):
        if (other.module, other.name) == (unit.module, unit.name):
            keys = (key for each in ast.walk(node) if isinstance(each, ast.Dict) for key in each.keys)
            for key in keys:
                if isinstance(key, ast.Constant) and key.value in IN_TRANSACTION:
                    yield IN_TRANSACTION[str(key.value)]


def rights_for(action: str, unit: Symbol, node: ast.AST, reach: Reach, function: Mapping[str, Any]) -> Iterator[Right]:
    """On what it is done, by the settings that the builders in wiring.py read, and the variables of the template that these are."""
    variables = function["Environment"]["Variables"]
    if action == "rds-db:connect":
        roles = [name for name in names_of(variables["DATABASE_USER"]) if name]
        # Whom the address names.
        yield from (Right(action, role) for role in roles or ["DatabaseUser"])
    elif action in FIXED:
        yield Right(action, FIXED[action])
    elif action.startswith("dynamodb:"):
        index = _index(node)
        for setting in _settings_read(_builders_of(unit, reach), ("_table",)):
            for table in names_of(variables[setting]):
                yield Right(action, f"{table}/index/{index}" if index else table, PARTITIONS.get(unit.name, ""))
    else:
        own = _settings_read(_builders_of(unit, reach), NAMED_BY[action])
        for setting in own or _settings_read(_builders(reach), NAMED_BY[action]):
            tail = "*" if setting.endswith("_PREFIX") else {"s3:PutObject": "/*"}.get(action, "")
            yield from (Right(action, name + tail) for name in names_of(variables[setting]))


def _builders(reach: Reach) -> list[ast.AST]:
    return [node for unit, node in reach.nodes() if unit.module == WIRING]


def _builders_of(unit: Symbol, reach: Reach) -> list[ast.AST]:
    return [
        node
        for node in _builders(reach)
        if any(isinstance(each, ast.Name) and each.id == unit.name for each in ast.walk(node))
    ]


def _settings_read(builders: list[ast.AST], endings: tuple[str, ...]) -> list[str]:
    """As variables: `settings().keys_table` is KEYS_TABLE."""
    return [
        each.attr.upper()
        for node in builders
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Call) and each.attr.endswith(endings)
    ]


def _index(node: ast.AST) -> str:
    """The index that a query of this method names."""
    for each in ast.walk(node):
        if isinstance(each, ast.Dict):
            for key, value in zip(each.keys, each.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "IndexName" and isinstance(value, ast.Constant):
                    return str(value.value)
    return ""
