"""What is planned for an engine on another machine, and the settings that say so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from traitlets import TraitError

from workspace_launcher.config import EngineConfig, WorkspaceConfig
from workspace_launcher.container_plan import ContainerPlanner
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import Mount, PublishedPort
from workspace_launcher.errors import InvalidRequest
from workspace_launcher.labels import WorkspaceRecord
from workspace_launcher.launch_directory import Account
from workspace_launcher.models import LaunchRequest

RECORD = WorkspaceRecord(
    id="0123456789abcdef", owner="jo", name="one", image="lab:latest", base_url="/workspace/jo/one/", port=8888
)


def planner(directory: Path, *, shares: bool, address: str | None) -> ContainerPlanner:
    engine = cast(Engine, SimpleNamespace(shares_file_system=shares, publish_address=address))
    return ContainerPlanner(
        engine, WorkspaceConfig(), notebook_directory=directory, secrets=(), account=Account(1000, 1000, "jo")
    )


def test_elsewhere_nothing_of_this_machine_is_mounted(tmp_path: Path) -> None:
    # The directory need not be there.
    plan = planner(tmp_path / "none", shares=False, address="10.0.0.1")
    plan.check(LaunchRequest(), "jo")
    spec = plan.spec(LaunchRequest(ports={9000: ("127.0.0.1", None)}), RECORD, tmp_path / "launch")
    assert spec.mounts == (
        Mount("workspace-jo..notebooks", "/home/workspace/notebooks", volume=True),
        Mount("", "/run/workspace", read_only=True, volume=True),
    )
    assert spec.tmpfs == ()
    # What a user publishes besides stays where the user said.
    assert spec.ports == (PublishedPort(8888, "10.0.0.1"), PublishedPort(9000, "127.0.0.1", None))
    assert str(tmp_path) not in str(spec)


def test_here_directories_are_mounted(tmp_path: Path) -> None:
    plan = planner(tmp_path, shares=True, address="127.0.0.1")
    spec = plan.spec(LaunchRequest(), RECORD, tmp_path / "launch")
    assert {(mount.source, mount.volume) for mount in spec.mounts} == {
        (str(tmp_path), False),
        (str(tmp_path / "launch"), False),
    }
    assert spec.ports == (PublishedPort(8888, "127.0.0.1"),)
    with pytest.raises(InvalidRequest):
        planner(tmp_path / "none", shares=True, address="127.0.0.1").check(LaunchRequest(), "jo")


def test_without_an_address_the_refusal_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"EngineConfig\.publish_address") as caught:
        planner(tmp_path, shares=False, address=None).check(LaunchRequest(), "jo")
    assert caught.value.reason == "no_publish_address"


@pytest.mark.parametrize(("setting", "shares"), [("auto", False), ("yes", True), ("no", False), ("YES", True)])
def test_the_setting_outweighs_the_address(setting: str, shares: bool) -> None:
    engine = EngineConfig(host="tcp://10.0.0.1:2376", shares_file_system=setting, publish_address="10.0.0.1").engine()
    assert isinstance(engine, DockerEngine)
    assert (engine.shares_file_system, engine.publish_address, engine.is_local) == (shares, "10.0.0.1", False)


@pytest.mark.parametrize("address", ["host", "::1", "10.0.0.256", "10.0.0.1:80"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(TraitError, match="IPv4"):
        EngineConfig(publish_address=address)
