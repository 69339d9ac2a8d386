"""The `active` filter: what is active, what is not, or any."""

from collections.abc import Callable

from infra.local.servicetitan_server.history import Revision
from infra.local.servicetitan_server.problem import invalid


def active_filter(asked: str) -> Callable[[Revision], bool]:
    """Raises Problem for a value that there is not."""
    match asked.lower():
        case "any":
            return lambda _: True
        case "true":
            return is_active
        case "false":
            return lambda revision: not is_active(revision)
        case _:
            raise invalid("active", f"The value '{asked}' is not valid.")


def is_active(revision: Revision) -> bool:
    """A row of a kind that cannot be switched off is active."""
    return revision.value("active") is not False
