from infra.restore import gates, writes_ledger
from tests.infra.template import functions


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


def test_a_gate_that_is_turned_on_again_is_as_the_template_has_it() -> None:
    assert gates() == {name: functions()[name].get("ReservedConcurrentExecutions") for name in gates()}
