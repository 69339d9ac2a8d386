"""A call's span on its way out of the deployed stack: to Helicone's log and to an OpenTelemetry collector, by the ledger's stream."""

from tests.fakes.helicone import Log
from tests.fakes.otlp_collector import Collector
from tests.system.tollgate_client import Tenant, eventually, nano

HOLD = "x-tollgate-hold-id"
SECRET_WORDS = "The safe is behind the water heater"


def test_a_call_is_told_to_both_with_its_cost_and_without_its_words(
    tenant: Tenant, helicone_log: Log, collector: Collector
) -> None:
    answer = tenant.chat(SECRET_WORDS, max_tokens=20, metadata={"agent": "dispatch-agent", "jobId": "J-7"})
    assert answer.status_code == 200
    said = answer.json()["choices"][0]["message"]["content"]

    def mine() -> list[dict[str, object]]:
        return [named for _, named in collector.kept.values() if named["tollgate.tenant"] == tenant.tenant_id]

    (told,) = eventually(mine, until=bool, seconds=60)
    entries = eventually(
        lambda: [entry for entry in list(helicone_log.kept.values()) if _hold(entry) == answer.headers[HOLD]],
        until=bool,
        seconds=60,
    )

    assert told["tollgate.hold"] == answer.headers[HOLD]
    assert told["tollgate.cost_nanousd"] == nano(float(answer.headers["x-tollgate-cost-usd"]))
    assert told["tollgate.agent"] == "dispatch-agent"
    usage = answer.json()["usage"]
    assert told["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert told["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert [entry["providerResponse"]["json"]["usage"]["total_tokens"] for entry in entries] == [usage["total_tokens"]]
    for server in (collector.server, helicone_log.server):
        sent = b"".join(received.content for received in server.received)
        assert SECRET_WORDS.encode() not in sent
        assert said.encode() not in sent
    assert {received.headers["api-key"] for received in collector.server.received} == {"abc"}


def _hold(entry: dict[str, dict[str, dict[str, str]]]) -> str:
    return entry["providerRequest"]["meta"]["Helicone-Property-Hold"]
