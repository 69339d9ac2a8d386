"""The key of a tenant's own OpenAI project: one secret for each, named by a prefix and the tenant's id.

The secret is JSON, `{"project": "proj_...", "key": "sk-..."}`. It names its project, so that a key can never pay for another one: a
secret that does not agree with the tenant's settings is read once more, because it may have been kept from before a change, and
then refused.
"""

import json
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

ProjectKey = Callable[[str, str], str]


class ProjectKeyUnusable(Exception):
    """The message names the tenant's project, and never a key."""


class ProjectKeys:
    """`read` gives a secret's text by its name, kept for some minutes; `read_anew` asks for it."""

    def __init__(self, prefix: str, read: Callable[[str], str], read_anew: Callable[[str], str]) -> None:
        self._prefix = prefix
        self._read = read
        self._read_anew = read_anew

    def key_of(self, tenant_id: str, project: str) -> str:
        """Raises ProjectKeyUnusable: then the call is not made."""
        name = f"{self._prefix}{tenant_id}"
        try:
            key = _key_in(self._read(name), project) or _key_in(self._read_anew(name), project)
        except (BotoCoreError, ClientError) as error:
            why = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise ProjectKeyUnusable(f"The key of OpenAI project {project} could not be read ({why}).") from error
        if key is None:
            raise ProjectKeyUnusable(f"The key that is stored for this tenant is not one of OpenAI project {project}.")
        return key


def _key_in(text: str, project: str) -> str | None:
    try:
        held = json.loads(text)
        return str(held["key"]).strip() if held["project"] == project else None
    except (ValueError, KeyError, TypeError):
        return None
