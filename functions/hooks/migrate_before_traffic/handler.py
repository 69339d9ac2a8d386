"""Asked by CodeDeploy before a function that talks to Postgres gets traffic: its schema must be this release's by then.

Outside the VPC, where CodeDeploy is. The migration itself runs inside, and takes turns: whoever comes second finds nothing to do.
"""

from collections.abc import Mapping
from typing import Any

from tollgate import wiring
from tollgate.adapters.codedeploy_hook import Verdict
from tollgate.domain.errors import SpansUnavailable
from tollgate.edge.schedules import scheduled


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    hook = wiring.deployment_hook()
    try:
        migrated = wiring.remote_migration()()
    except SpansUnavailable:
        # The deployment ends here, and the alias stays where it is.
        hook.tell(event, Verdict.FAILED)
        raise
    hook.tell(event, Verdict.SUCCEEDED)
    return dict(migrated)
