"""What stands before the functions: the firewall, the stage's limits, its log and its answers."""

import json
import re
from typing import Any

import pytest

from tests.infra.production import of_kind, production
from tests.infra.template import ROOT, resources, template
from tests.infra.test_template import ROUTES

OPEN = {("GET", "/api/health"), ("GET", "/openapi.json"), ("GET", "/docs")}
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
LOOKS_INTO_BODIES = {
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
}


def api() -> dict[str, Any]:
    return resources("AWS::Serverless::Api")["Api"]


def stage() -> dict[str, Any]:
    return dict(production()["ApiStage"]["Properties"])


def rules() -> dict[str, dict[str, Any]]:
    return {each["Name"]: each for each in resources("AWS::WAFv2::WebACL")["WebAcl"]["Rules"]}


def settings() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (each["HttpMethod"], each["ResourcePath"].replace("/~1", "/").replace("~1", "/")): each
        for each in stage()["MethodSettings"]
    }


def test_the_firewall_is_on_unless_it_is_switched_off_and_stands_before_the_stage() -> None:
    assert template()["Parameters"]["Firewall"]["Default"] == "true"
    for name in ("WebAcl", "WebAclOfApi"):
        assert template()["Resources"][name]["Condition"] == "HasFirewall"
    association = production()["WebAclOfApi"]["Properties"]
    assert association["WebACLArn"] == {"Fn::GetAtt": ["WebAcl", "Arn"]}
    assert association["ResourceArn"]["Fn::Sub"].endswith("/restapis/${Api}/stages/${ApiStage}")
    assert resources("AWS::WAFv2::WebACL")["WebAcl"]["Scope"] == "REGIONAL"


def test_each_key_and_each_address_has_a_rate_of_its_own() -> None:
    of_key = rules()["requests-of-a-key"]["Statement"]["RateBasedStatement"]
    of_address = rules()["requests-of-an-address"]["Statement"]["RateBasedStatement"]

    assert of_key["AggregateKeyType"] == "CUSTOM_KEYS"
    assert of_key["CustomKeys"][0]["Header"]["Name"] == "authorization"
    assert of_key["Limit"] == {"Ref": "FirewallRequestsPerKey"}
    assert of_address["AggregateKeyType"] == "IP"
    assert of_address["Limit"] == {"Ref": "FirewallRequestsPerAddress"}
    for name in ("requests-of-a-key", "requests-of-an-address"):
        answer = rules()[name]["Action"]["Block"]["CustomResponse"]
        assert (answer["ResponseCode"], answer["CustomResponseBodyKey"]) == (429, "TooMany")


def test_no_rule_of_aws_refuses_a_request_for_what_its_prompt_says() -> None:
    groups = {
        each["Statement"]["ManagedRuleGroupStatement"]["Name"]: each["Statement"]["ManagedRuleGroupStatement"]
        for each in rules().values()
        if "ManagedRuleGroupStatement" in each["Statement"]
    }

    # Known bad inputs and SQL injection look into bodies, hosting providers are where agents run: infra/firewall.md.
    assert groups.keys() == {"AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet"}
    counted = {
        each["Name"]
        for each in groups["AWSManagedRulesCommonRuleSet"]["RuleActionOverrides"]
        if each["ActionToUse"] == {"Count": {}}
    }
    assert counted == LOOKS_INTO_BODIES | {"NoUserAgent_HEADER"}


def test_bodies_are_bounded_by_the_firewall_only_where_no_prompt_is_in_them() -> None:
    path, size = rules()["bodies-without-a-prompt"]["Statement"]["AndStatement"]["Statements"]
    bounded = {route for _, route in ROUTES if re.search(path["RegexMatchStatement"]["RegexString"], route)}

    assert bounded == {"/api/keys", "/api/cost/record", "/api/cost/corrections"}
    # WAF sees 16 KB of a body here; more than that is more than is allowed.
    assert size["SizeConstraintStatement"]["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert size["SizeConstraintStatement"]["Size"] < 16 * 1024


def test_the_firewall_keeps_no_samples_which_would_show_keys() -> None:
    acl = resources("AWS::WAFv2::WebACL")["WebAcl"]

    for each in [acl, *acl["Rules"]]:
        assert each["VisibilityConfig"]["SampledRequestsEnabled"] is False


def test_the_firewall_s_own_answers_fit_both_kinds_of_client() -> None:
    acl = resources("AWS::WAFv2::WebACL")["WebAcl"]
    used = set(re.findall(r'"CustomResponseBodyKey": "(\w+)"', json.dumps(acl["Rules"])))

    assert used == acl["CustomResponseBodies"].keys()
    for body in acl["CustomResponseBodies"].values():
        error = json.loads(body["Content"])["error"]
        assert error.keys() >= {"code", "message", "type", "param", "requestId"}


def test_the_stage_has_a_rate_and_what_people_use_or_needs_no_key_a_lower_one() -> None:
    found = settings()
    everything = found.pop(("*", "/*"))

    assert everything["ThrottlingRateLimit"] == {"Ref": "ApiRate"}
    assert everything["ThrottlingBurstLimit"] == {"Ref": "ApiBurst"}
    assert found.keys() <= ROUTES.keys(), "API Gateway refuses a stage that names a route which is not there"
    assert found.keys() >= OPEN
    admins = {("POST", "/api/keys"), ("DELETE", "/api/keys/{keyId}"), ("PUT", "/api/cost/budget/{tenantId}")}
    assert found.keys() >= admins
    assert not [route for route in found if route[1].startswith("/v1") or route[1] == "/api/chat"]
    for each in found.values():
        assert each["ThrottlingRateLimit"] == {"Ref": "AdminRate"}
        assert each["ThrottlingBurstLimit"] == {"Ref": "AdminBurst"}
    parameters = template()["Parameters"]
    assert parameters["AdminRate"]["Default"] < parameters["ApiRate"]["Default"]


def test_the_access_log_has_no_body_no_header_and_no_query_in_it() -> None:
    log = stage()["AccessLogSetting"]
    fields = json.loads(log["Format"])
    variables = set(re.findall(r"\$context\.[A-Za-z.]+", log["Format"]))

    assert log["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    assert template()["Resources"]["AccessLogs"]["Properties"]["RetentionInDays"] == 30
    assert fields["requestId"] == "$context.requestId", "the id that is in our logs and in spans"
    assert fields.keys() >= {"status", "route", "ms", "keyId"}
    assert not [
        each for each in variables if re.search(r"body|header|query|userAgent|message|apiKey", each, re.IGNORECASE)
    ]
    # Each is a text, so that "-" for what is not there stays JSON.
    assert all(isinstance(each, str) for each in fields.values())


def test_api_gateway_s_own_execution_log_which_has_bodies_is_off() -> None:
    everything = settings()[("*", "/*")]

    assert everything["LoggingLevel"] == "OFF"
    assert everything["DataTraceEnabled"] is False
    assert not [each for each in settings().values() if each.get("DataTraceEnabled")]


def test_logs_can_be_written_before_there_is_a_stage() -> None:
    assert template()["Resources"]["GatewayLogs"]["Type"] == "AWS::ApiGateway::Account"
    assert {"Key": "logs", "Value": {"Fn::If": ["HasGatewayAccount", {"Ref": "GatewayLogs"}, "elsewhere"]}} in stage()[
        "Tags"
    ]
    # It is the whole account's: other stages keep it when this stack is gone.
    for name in ("GatewayLogs", "GatewayLogsRole"):
        assert template()["Resources"][name]["DeletionPolicy"] == "Retain"


def test_only_tls_1_2_and_newer_is_spoken() -> None:
    assert production()["Api"]["Properties"]["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_2021_06"
    assert production()["Api"]["Properties"]["EndpointAccessMode"] == "STRICT"


def test_no_other_origin_may_call_from_a_browser() -> None:
    methods = {method for path in production()["Api"]["Properties"]["Body"]["paths"].values() for method in path}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "layers" / "shared").rglob("*.py")]

    assert "Cors" not in api()
    assert "options" not in methods
    assert not [text for text in sources if "access-control-allow" in text.lower() or "CORSConfig" in text]


def test_what_the_authorizer_said_is_kept_for_a_minute() -> None:
    scheme = production()["Api"]["Properties"]["Body"]["components"]["securitySchemes"]["KeyAuthorizer"]

    assert scheme["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] == 60
    assert scheme["x-amazon-apigateway-authorizer"]["identitySource"] == "method.request.header.Authorization"


@pytest.mark.parametrize(("kind", "status"), [("WAF_FILTERED", 403), ("REQUEST_TOO_LARGE", 413), ("THROTTLED", 429)])
def test_what_is_refused_before_us_says_so(kind: str, status: int) -> None:
    response = api()["GatewayResponses"][kind]
    body = json.loads(response["ResponseTemplates"]["application/json"])

    assert response["StatusCode"] == status
    assert body["error"]["message"]


def test_every_log_ends() -> None:
    for group in of_kind(production(), "AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == 30
