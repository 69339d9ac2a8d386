"""How often a client asks, and how often the chat function asks its ledger: both counted on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.fakes.fault_proxy import FaultProxy, Plan, Request, Sentence, fault_proxy, no_fault
from tests.system.tollgate_client import Stack


@contextmanager
def edge_of(stack: Stack, plan: Plan = no_fault) -> Iterator[FaultProxy]:
    """The stack's address, once more, for one client alone."""
    with fault_proxy(address(stack.api_url), plan=plan) as edge:
        yield edge


def times_asked(edge: FaultProxy) -> int:
    return sum(edge.counts.values())


@dataclass(slots=True)
class Writes:
    """Of the ledger's pages, with those that were refused: DynamoDB bills them like any other."""

    keys: list[str] = field(default_factory=list)

    def note(self, request: Request) -> Sentence:
        if request.operation == "UpdateItem":
            self.keys.append(request.json()["Key"]["pk"]["S"])
        return Sentence()

    def of(self, tenant_id: str) -> int:
        return self.keys.count(f"TENANT#{tenant_id}")


@contextmanager
def counted_writes(stack: Stack) -> Iterator[Writes]:
    """The chat function's own, in processes that are started for it: none has seen a refusal before."""
    lambdas = stack.aws("lambda")
    [function] = [
        found
        for found in lambdas.list_functions(MaxItems=1000)["Functions"]
        if "CreateChatCompletion" in found["FunctionName"]
    ]
    name, variables = function["FunctionName"], function["Environment"]["Variables"]
    writes = Writes()
    with fault_proxy(address(stack.facts["awsEndpointUrl"]), plan=writes.note) as wire:
        proxied = variables | {"AWS_ENDPOINT_URL": wire.url}
        live = lambdas.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": proxied})
        counted = lambdas.publish_version(FunctionName=name)["Version"]
        lambdas.update_alias(FunctionName=name, Name="live", FunctionVersion=counted)
        try:
            yield writes
        finally:
            lambdas.update_alias(FunctionName=name, Name="live", FunctionVersion=live)
            lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
