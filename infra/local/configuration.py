"""What the person chose: the environment, and .env where the environment is silent."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from infra.build import ROOT

REGION = "us-east-1"


class StackError(Exception):
    """Told to the person as it is, without a traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    state: Path
    builds: Path
    environment: Mapping[str, str]

    @property
    def gateway_port(self) -> int:
        return self.port("TOLLGATE_PORT", 8080)

    @property
    def ministack_port(self) -> int:
        return self.port("MINISTACK_PORT", 4566)

    @property
    def postgres_port(self) -> int:
        return self.port("POSTGRES_PORT", 5433)

    @property
    def openai_port(self) -> int:
        return self.port("OPENAI_PORT", 8081)

    @property
    def servicetitan_port(self) -> int:
        return self.port("SERVICETITAN_PORT", 8082)

    @property
    def servicetitan_auth_port(self) -> int:
        return self.port("SERVICETITAN_AUTH_PORT", 8083)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def aws_endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.ministack_port}"

    @property
    def own_openai(self) -> bool:
        """Ours runs unless the person named another, or gave a key for the real one."""
        return not self.text("OPENAI_BASE_URL") and not self.text("OPENAI_API_KEY")

    @property
    def openai_base_url(self) -> str:
        if self.own_openai:
            return f"http://127.0.0.1:{self.openai_port}/v1"
        return self.text("OPENAI_BASE_URL", "https://api.openai.com/v1")

    @property
    def openai_admin_base_url(self) -> str:
        own = f"http://127.0.0.1:{self.openai_port}/v1" if self.own_openai else "https://api.openai.com/v1"
        return self.text("OPENAI_ADMIN_BASE_URL", own)

    @property
    def own_servicetitan(self) -> bool:
        given = [bool(self.text(name)) for name in ("SERVICETITAN_BASE_URL", "SERVICETITAN_AUTH_URL")]
        if any(given) and not all(given):
            raise StackError("Set both SERVICETITAN_BASE_URL and SERVICETITAN_AUTH_URL, or neither.")
        return not any(given)

    @property
    def servicetitan_base_url(self) -> str:
        return self.text("SERVICETITAN_BASE_URL", f"http://127.0.0.1:{self.servicetitan_port}")

    @property
    def servicetitan_auth_url(self) -> str:
        return self.text("SERVICETITAN_AUTH_URL", f"http://127.0.0.1:{self.servicetitan_auth_port}")

    @property
    def max_in_flight(self) -> int:
        return self.number("TOLLGATE_MAX_IN_FLIGHT", 16)

    def text(self, name: str, default: str = "") -> str:
        return self.environment.get(name, "").strip() or default

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,6}", value):
            raise StackError(f"{name} must be a whole number, not {value!r}.")
        return int(value)

    def port(self, name: str, default: int) -> int:
        value = self.number(name, default)
        if not 0 < value < 65536:
            raise StackError(f"{name} must be a port between 1 and 65535, not {value}.")
        return value


def read_configuration(environment: Mapping[str, str] = os.environ, *, root: Path = ROOT) -> Configuration:
    written = {name: value for name, value in dotenv_values(root / ".env", interpolate=False).items() if value}
    both = {**written, **{name: value for name, value in environment.items() if value or name not in written}}
    state = Path(both.get("TOLLGATE_STATE_DIR") or root / ".local").resolve()
    builds = Path(both.get("TOLLGATE_BUILD_DIR") or root / ".aws-sam" / "local").resolve()
    return Configuration(state=state, builds=builds, environment=both)
