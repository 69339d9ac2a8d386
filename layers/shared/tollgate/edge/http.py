"""One edge for all routes: routing, parsing, problems, request ids, logs and metrics around each handler."""

import base64
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tollgate.domain.caller import Caller, Role
from tollgate.domain.errors import KeyUnknown, RequestInvalid, TollgateError, UpstreamRejected
from tollgate.domain.json_size import VALUES_MAX, has_more_values
from tollgate.domain.request_fields import check_depth
from tollgate.domain.settings_text import settings_from_text
from tollgate.domain.tenant import TENANT_ID, TenantSettings
from tollgate.edge.problems import INTERNAL, Answer, answer_of, problem_of
from tollgate.edge.told import told
from tollgate.observability import logger, metrics
from tollgate.usecases.know_settings import KnownSettings

SERVER_FAULT = 500
# What the answer to a repetition says of itself.
REPLAY = {"x-tollgate-idempotent-replay": "true"}

TenantPath = Annotated[str, Path(pattern=TENANT_ID)]


class Body(BaseModel):
    """A request body of `/api/*`: camelCase, snake_case accepted, unknown fields refused by name."""

    # Built when it is first used, since a function takes one kind of body and imports them all.
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )


def rest_app() -> APIGatewayRestResolver:
    """A resolver whose routes answer every error in the API's shapes. Numbers with a point arrive as Decimal."""
    app = APIGatewayRestResolver(
        enable_validation=True,
        serializer=write_json,
        response_validation_error_http_code=500,
        json_body_deserializer=read_json,
    )

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def on_error(error: Exception) -> Response[str]:
        if isinstance(error, RequestValidationError):
            error = RequestInvalid(*_first_fault(error))
        return respond(problem_answer(app, error))

    @app.not_found
    def on_no_route(_: NotFoundError) -> Response[str]:
        body = {"error": {"code": "not_found", "message": "There is no such route.", "requestId": request_id(app)}}
        return respond(Answer(status=404, body=body, headers={}))

    return app


def entry(app: APIGatewayRestResolver) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry of a route: resolves the event with logs, metrics and request id around it."""

    @metrics.log_metrics
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.set_correlation_id(_given_or_own_id(event, context))
        answer: dict[str, Any] = app.resolve(_as_json(event), context)
        return answer

    return handle


def caller(app: APIGatewayRestResolver) -> Caller:
    """Who calls, as the authorizer found. Raises KeyUnknown where no authorizer stood before the route."""
    facts = _authorizer_facts(app)
    try:
        return Caller(key_id=facts["keyId"], role=Role(facts["role"]), tenant_id=facts.get("tenantId") or None)
    except (KeyError, ValueError) as error:
        raise KeyUnknown("This key is not known.") from error


def account_text(app: APIGatewayRestResolver) -> str | None:
    """The account that the authorizer read with the key, as it handed it on; none for admin keys."""
    return _authorizer_facts(app).get("account") or None


def settings_for(app: APIGatewayRestResolver, tenant_id: str, known: KnownSettings) -> TenantSettings:
    """The newest settings that this environment can know without a read. Raises TenantNotFound."""
    text = account_text(app)
    handed_on = _settings_from(text) if text else None
    return known.of(tenant_id, handed_on if handed_on and handed_on.tenant_id == tenant_id else None)


# The authorizer's answer is cached for a minute, so that a busy tenant's calls bring the same text.
_settings_from = lru_cache(maxsize=64)(settings_from_text)


def if_version(app: APIGatewayRestResolver) -> int | None:
    """The version that `If-Match` asks for; None without. Raises RequestInvalid."""
    given = app.current_event.headers.get("if-match")
    if given is None:
        return None
    version = given.strip().removeprefix("W/").strip('"')
    if not (version.isascii() and version.isdigit()):
        raise RequestInvalid('If-Match must be an ETag of ours, such as "3".', param="If-Match")
    return int(version)


def request_id(app: APIGatewayRestResolver) -> str:
    return logger.get_correlation_id() or app.lambda_context.aws_request_id


def reply(
    app: APIGatewayRestResolver, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """A JSON answer with the request id."""
    return respond(Answer(status=status, body=body, headers={"x-request-id": request_id(app)} | dict(headers or {})))


def respond(answer: Answer) -> Response[str]:
    text = answer.body if isinstance(answer.body, str) else write_json(answer.body)
    return Response(status_code=answer.status, content_type="application/json", body=text, headers=dict(answer.headers))


def problem_answer(app: APIGatewayRestResolver, error: Exception) -> Answer:
    """The answer for an error; one that nobody foresaw is logged here, once."""
    _log(error)
    answer = answer_of(error, path=app.current_event.path, request_id=request_id(app))
    return Answer(status=answer.status, body=answer.body, headers={"x-request-id": request_id(app)} | answer.headers)


def _log(error: Exception) -> None:
    if isinstance(error, UpstreamRejected):
        # Its message may quote the prompt. A refusal is the caller's own matter.
        if error.status >= SERVER_FAULT:
            logger.warning("the provider could not serve a request", extra={"status": error.status})
    elif not isinstance(error, TollgateError) or problem_of(error) is INTERNAL:
        logger.error("a request broke", extra=told(error))
    elif problem_of(error).status >= SERVER_FAULT:
        logger.warning("a request could not be served", extra=told(error))


def read_json(text: str, number: Callable[[str], Any] = Decimal, *, most: int = VALUES_MAX) -> Any:
    """JSON as it may be sent to us: `number` makes those with a point; no NaN; `most`: how many values. Raises ValueError, or
    RequestInvalid for what is larger or deeper than we walk."""
    if has_more_values(text, most):
        raise RequestInvalid(f"The body has more than {most:,} values (what is in its lists and objects); send fewer.")
    try:
        value = json.loads(text, parse_float=number, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise json.JSONDecodeError("nested too deeply", text[:20], 0) from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        # Python converts no number of thousands of digits.
        raise json.JSONDecodeError("a number with too many digits", text[:20], 0) from error
    # What Python reads is deeper than what the parsers after it can walk.
    if isinstance(value, dict | list):
        check_depth(value)
    return value


def write_json(value: Any) -> str:
    """In ASCII: a model's delta may end in half an emoji, which only an escape can carry."""
    return json.dumps(value, separators=(",", ":"), default=_write_decimal)


def _write_decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


def _authorizer_facts(app: APIGatewayRestResolver) -> dict[str, Any]:
    return dict(app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {})


def _as_json(event: dict[str, Any]) -> dict[str, Any]:
    """Every body is read as JSON, whatever its Content-Type says (curl's own is a form's).

    API Gateway sends a body that it takes for binary in base64; what is no text in there is left for the parser to refuse.
    """
    headers = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() != "content-type"}
    event = event | {"headers": headers | {"content-type": "application/json"}}
    if not event.get("isBase64Encoded"):
        return event
    try:
        text = base64.b64decode(event.get("body") or "", validate=True).decode()
    except ValueError:
        text = "not UTF-8"
    return event | {"body": text, "isBase64Encoded": False}


def _given_or_own_id(event: Mapping[str, Any], context: Any) -> str:
    """API Gateway's request id: it is in its logs and in ours, so one id follows a call everywhere."""
    found = event.get("requestContext", {}).get("requestId")
    return str(found or context.aws_request_id)


def _first_fault(error: RequestValidationError) -> tuple[str]:
    """The first thing that is wrong with a request, said with the field's name."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
    if fault["type"] == "extra_forbidden":
        return (f"Unknown field {place!r}.",)
    if fault["type"] == "json_invalid":
        return ("The body is not valid JSON.",)
    return (f"{place}: {fault['msg']}." if place else f"{fault['msg']}.",)
