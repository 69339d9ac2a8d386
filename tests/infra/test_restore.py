from infra.restore import Deployed, gates, gates_of, writes_ledger
from tests.infra.template import functions


def deployed(**parameters: str) -> Deployed:
    concurrency = {"ChatConcurrency": "0", "AuthorizerConcurrency": "0", "ReportConcurrency": "0"}
    return Deployed(
        client=lambda _: None, physical=dict.fromkeys(functions(), "there"), parameters=concurrency | parameters
    )


def test_gates_are_all_that_may_write_on_pages_and_accounts() -> None:
    found = gates()

    assert found.keys() >= {"CreateChatCompletion", "CheckCost", "RecordCost", "PutBudget", "SweepHolds", "ExpirePages"}
    assert not found.keys() & {"GetBudget", "SummarizeCost", "WriteSpans", "RestoreLedger", "CreateKey"}
    writers = {
        name
        for name, function in functions().items()
        for policy in function.get("Policies", [])
        for statement in policy["Statement"]
        if writes_ledger(statement)
    }
    assert writers == found.keys() | {"RestoreLedger"}


def test_a_gate_that_is_turned_on_again_has_the_concurrency_that_was_deployed() -> None:
    found = gates_of(deployed(ChatConcurrency="40"))

    assert found["CreateChatCompletion"] == 40
    assert found["SweepHolds"] is None


def test_a_gate_without_a_bound_has_none_again() -> None:
    assert set(gates_of(deployed()).values()) == {None}
