"""What botocore does for one `update_item`, step by step, as `BaseClient._make_api_call` and `Endpoint._do_get_response` do it."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from botocore.endpoint import convert_to_response_dict

OPERATION = "UpdateItem"


def steps(client: Any, request: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    """Serialise (check the parameters, find the endpoint, write the body), sign, send and receive, parse."""
    model = client._service_model.operation_model(OPERATION)
    endpoint = client._endpoint
    context = {
        "client_region": client.meta.region_name,
        "client_config": client.meta.config,
        "has_streaming_input": False,
        "auth_type": model.resolved_auth_type,
        "unsigned_payload": None,
        "auth_options": None,
    }
    parser = endpoint._response_parser_factory.create_parser(model.service_model.resolved_protocol)

    def serialise() -> Any:
        own = dict(context)
        params = client._emit_api_params(api_params=request, operation_model=model, context=own)
        url, headers, properties = client._resolve_endpoint_ruleset(model, params, own)
        own["endpoint_properties"] = properties
        return client._convert_to_request_dict(
            api_params=params, operation_model=model, endpoint_url=url, context=own, headers=headers
        )

    def sign() -> Any:
        # Signing adds headers, and would find them there the next time.
        unsigned = {**serialised, "headers": copy.copy(serialised["headers"]), "context": dict(serialised["context"])}
        return endpoint.create_request(unsigned, model)

    def send() -> Any:
        return endpoint.http_session.send(signed).content

    def parse() -> Any:
        return parser.parse(convert_to_response_dict(answered, model), model.output_shape)

    serialised = serialise()
    signed = sign()
    answered = endpoint.http_session.send(signed)
    return {"serialise": serialise, "sign": sign, "send and receive": send, "parse": parse}
