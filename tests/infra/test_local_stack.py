import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from samcli.cli.global_config import GlobalConfig
from samcli.lib.utils.version_checker import is_version_check_overdue

from infra.build import quiet_sam
from infra.local import daemons
from infra.local.configuration import Configuration, StackError, read_configuration
from infra.local.daemons import Daemon
from infra.local.deployment import parameters_of
from tests.infra.template import ROOT

OF_A_CONNECTION = ("ServiceTitanTenantId", "ServiceTitanTollgateTenant", "ServiceTitanTimezone")
READ = re.compile(r"""(?:text|given|port|number|get)\(\s*"([A-Z][A-Z_]+)\"""")


def configuration_of(root: Path, **environment: str) -> Configuration:
    return read_configuration(environment, root=root)


def test_the_example_names_every_variable_that_is_read() -> None:
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "local").glob("*.py")]
    read = {name for text in sources for name in READ.findall(text)}

    assert {"TOLLGATE_PORT", "OPENAI_API_KEY", "BUDGET_SOFT_CAP"} <= read
    assert read <= example


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    with_example, without = configuration_of(tmp_path), configuration_of(tmp_path / "elsewhere")

    assert with_example.own_openai
    assert with_example.own_servicetitan
    assert with_example.gateway_port == without.gateway_port
    assert with_example.openai_base_url == without.openai_base_url


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOLLGATE_PORT=9000\nPOSTGRES_PORT=9001\n", encoding="utf-8")

    configuration = configuration_of(tmp_path, TOLLGATE_PORT="9002")

    assert (configuration.gateway_port, configuration.postgres_port) == (9002, 9001)


def test_a_key_alone_means_the_real_openai(tmp_path: Path) -> None:
    configuration = configuration_of(tmp_path, OPENAI_API_KEY="sk-x")

    assert not configuration.own_openai
    assert configuration.openai_base_url == "https://api.openai.com/v1"


def test_half_of_servicetitan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="SERVICETITAN_AUTH_URL"):
        _ = configuration_of(tmp_path, SERVICETITAN_BASE_URL="http://127.0.0.1:1").own_servicetitan


def test_the_local_shop_is_a_tenant_s_and_somebody_else_s_servicetitan_is_nobody_s_before_it_is_said(
    tmp_path: Path,
) -> None:
    real = {
        "SERVICETITAN_BASE_URL": "https://api.servicetitan.io",
        "SERVICETITAN_AUTH_URL": "https://auth.servicetitan.io",
    }
    told = [
        tuple(parameters_of(configuration_of(tmp_path, **given))[name] for name in OF_A_CONNECTION)
        for given in ({}, real, {**real, "SERVICETITAN_TENANT_ID": "77", "SERVICETITAN_TIMEZONE": "America/Denver"})
    ]

    assert told == [("1001", "bluebird", "America/Chicago"), ("", "", "UTC"), ("77", "", "America/Denver")]


@pytest.mark.parametrize("value", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(StackError, match="TOLLGATE_PORT"):
        _ = configuration_of(tmp_path, TOLLGATE_PORT=value).gateway_port


def test_a_port_in_use_names_the_variable_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=f"Port {port} is in use.*TOLLGATE_PORT"):
            daemons.check_ports({"TOLLGATE_PORT": port})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "run").mkdir()
    yield tmp_path
    daemons.stop_what_is_left(tmp_path)


def sleeper(name: str = "sleeper", code: str = "import time; time.sleep(60)") -> Daemon:
    return Daemon(name=name, command=[sys.executable, "-c", code], ports={}, is_ready=lambda: True)


def test_a_daemon_is_found_again_and_stopped(state: Path) -> None:
    daemons.start(sleeper(), state)
    process = daemons.running(state, "sleeper")
    assert process is not None

    daemons.stop(state, "sleeper", stop_signal=signal.SIGTERM, grace_s=5)

    assert not daemons.is_alive(process)
    assert daemons.running(state, "sleeper") is None


def test_a_daemon_gets_nothing_of_the_person_s_environment(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    daemons.start(sleeper(), state)
    process = daemons.running(state, "sleeper")
    assert process is not None

    assert "AWS_PROFILE" not in process.environ()


def test_what_a_crash_left_is_stopped_without_its_pid_file(state: Path) -> None:
    daemons.start(sleeper(), state)
    process = daemons.running(state, "sleeper")
    assert process is not None
    daemons.pid_file(state, "sleeper").unlink()

    daemons.stop_what_is_left(state)

    assert not daemons.is_alive(process)


def test_a_daemon_that_ends_at_once_is_told_with_its_last_words(state: Path) -> None:
    failing = Daemon(
        name="failing",
        command=[sys.executable, "-c", "raise SystemExit('no disk')"],
        ports={},
        is_ready=lambda: False,
    )
    daemons.start(failing, state)

    with pytest.raises(StackError, match="no disk"):
        daemons.wait_until_ready(failing, state)


def test_an_interruption_waits_for_the_end_of_what_must_be_whole() -> None:
    done = []

    def whole() -> None:
        with daemons.uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        whole()

    assert done == ["all of it"]


def test_sam_looks_up_no_newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in quiet_sam(tmp_path).items():
        monkeypatch.setenv(name, value)

    assert not is_version_check_overdue(GlobalConfig().last_version_check)
