"""Client id and secret of each connection: one secret each in Secrets Manager, named by a prefix and the connection's id.

The secret is JSON, `{"clientId": ..., "clientSecret": ...}`. Only the function that asks ServiceTitan may read it.
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import SecretsUnavailable

MISSING, EXISTS = "ResourceNotFoundException", "ResourceExistsException"


class StoredConnectionSecrets:
    """`client`: Secrets Manager's, or a Vault."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def write(self, connection_id: str, *, client_id: str, client_secret: str) -> None:
        text = json.dumps({"clientId": client_id, "clientSecret": client_secret})
        name = secret_name(self._prefix, connection_id)
        try:
            try:
                self._client.put_secret_value(SecretId=name, SecretString=text)
            except ClientError as error:
                if _code_of(error) != MISSING:
                    raise
                self._create(name, text)
        except (ClientError, BotoCoreError) as error:
            raise _unavailable("stored", error) from error

    def remove(self, connection_id: str) -> None:
        name = secret_name(self._prefix, connection_id)
        try:
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _code_of(error) == MISSING:
                return
            raise _unavailable("destroyed", error) from error

    def _create(self, name: str, text: str) -> None:
        try:
            self._client.create_secret(Name=name, SecretString=text)
        except ClientError as error:
            # Somebody else made it meanwhile, or a try of this one did whose answer was lost.
            if _code_of(error) != EXISTS:
                raise
            self._client.put_secret_value(SecretId=name, SecretString=text)


def secret_name(prefix: str, connection_id: str) -> str:
    return f"{prefix}{connection_id}"


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(deed: str, error: ClientError | BotoCoreError) -> SecretsUnavailable:
    """A secret that was destroyed a moment ago cannot be made again at once: AWS says so by InvalidRequestException."""
    why = _code_of(error) if isinstance(error, ClientError) else type(error).__name__
    return SecretsUnavailable(f"The secret cannot be {deed} now ({why}). Try again in a moment.")
