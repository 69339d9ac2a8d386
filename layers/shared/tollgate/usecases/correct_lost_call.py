"""Corrects what is booked for a call that nobody saw the end of to what the provider's own figures prove that it cost."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from tollgate.domain.errors import CorrectionImpossible, RecordDiffers
from tollgate.domain.hold_id import parse_hold_id
from tollgate.domain.unsettled_call import Finding
from tollgate.ports import Accounts, Ledger
from tollgate.usecases.correct_cost import Correction, correct_cost


def correct_lost_call(
    tenant_id: str, finding: Finding, *, ledger: Ledger, accounts: Accounts, clock: Callable[[], datetime]
) -> bool:
    """True where it is booked now. False where that was done before, or where the ledger has no step for it any more: its page has
    forgotten the hold, or never remembered it because its own holder closed it. Raises LedgerUnavailable."""
    settings = accounts.read(tenant_id)
    if settings is None:
        return False
    said = f"{finding.cost} {finding.usage}"
    correction = Correction(
        # By the hold: a second finding of the same call is the same correction.
        correction_id=f"c:openai:{finding.call.hold}",
        content_hash=sha256(said.encode()).hexdigest(),
        reason=f"OpenAI's usage: {finding.reason}",
        cost=finding.cost,
        hold_id=parse_hold_id(finding.call.hold),
        booked=finding.call.booked,
        usage=finding.usage,
    )
    try:
        return correct_cost(correction, settings, ledger=ledger, accounts=accounts, clock=clock).is_new
    except (CorrectionImpossible, RecordDiffers):
        return False
