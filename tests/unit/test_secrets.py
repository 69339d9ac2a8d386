from tollgate.adapters.secrets import Secrets


class Vault:
    def __init__(self) -> None:
        self.reads = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - the service's own name
        self.reads += 1
        return {"SecretString": f"{SecretId} #{self.reads}"}


def test_a_secret_is_read_again_after_five_minutes() -> None:
    now = 0.0
    secrets = Secrets(Vault(), clock=lambda: now)

    assert [secrets.read("a"), secrets.read("a")] == ["a #1", "a #1"]
    now = 299.9
    assert secrets.read("a") == "a #1"
    now = 300.0
    assert secrets.read("a") == "a #2"


def test_secrets_are_kept_apart() -> None:
    secrets = Secrets(Vault())

    assert [secrets.read("a"), secrets.read("b"), secrets.read("a")] == ["a #1", "b #2", "a #1"]
