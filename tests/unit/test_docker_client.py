"""Which API version is spoken with which engine; ssh's command."""

from __future__ import annotations

import shlex
from urllib.parse import unquote

import pytest

from workspace_launcher.engine.docker_client import choose_version
from workspace_launcher.engine.docker_ssh import ssh_command
from workspace_launcher.errors import EngineUnavailable


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [
        ("1.41", "1.12", "1.41"),
        ("1.43", "1.12", "1.43"),
        ("1.47", "1.24", "1.47"),
        ("1.48", "1.24", "1.48"),
        # Engines newer than this was written for are asked for what it was written for,
        ("1.49", "1.24", "1.48"),
        ("1.52", "1.44", "1.48"),
        # unless they have given that up.
        ("1.60", "1.50", "1.50"),
        ("1.44", "1.44", "1.44"),
        # Podman, and engines that do not say their oldest.
        ("1.41", "1.24", "1.41"),
        ("1.45", "", "1.45"),
        ("2.0", "1.44", "1.48"),
    ],
)
def test_the_version_spoken(newest: str, oldest: str, spoken: str) -> None:
    assert choose_version(newest, oldest) == spoken


@pytest.mark.parametrize("newest", ["1.40", "1.9", "0.41"])
def test_too_old(newest: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"too old: API .*; 1\.41"):
        choose_version(newest, "1.0")


@pytest.mark.parametrize("newest", ["", "x", "1.x", "v1.41", "1.41.2"])
def test_no_version(newest: str) -> None:
    with pytest.raises(EngineUnavailable, match="names no API version"):
        choose_version(newest, "1.12")


SSH = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("ssh://host", ["--", "host", "docker", "system", "dial-stdio"]),
        ("ssh://me@host:2222", ["-l", "me", "-p", "2222", "--", "host", "docker", "system", "dial-stdio"]),
        ("ssh://[::1]", ["--", "::1", "docker", "system", "dial-stdio"]),
        ("ssh://host/run/d.sock", ["--", "host", "docker", "--host", "unix:///run/d.sock", "system", "dial-stdio"]),
    ],
)
def test_the_ssh_command(url: str, rest: list[str]) -> None:
    assert ssh_command(url, 30) == SSH + rest


@pytest.mark.parametrize(
    "url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://-F@host", "ssh://host:x", "ssh://host:99999"]
)
def test_an_address_that_is_none_or_an_option(url: str) -> None:
    with pytest.raises(EngineUnavailable):
        ssh_command(url, 30)


@pytest.mark.parametrize("path", ["/run/$(touch x).sock", "/run/a%20b.sock", "/run/'; reboot;'.sock"])
def test_a_path_does_not_become_a_command_of_the_remote_shell(path: str) -> None:
    # ssh joins its arguments, and the shell there takes them apart.
    command = ssh_command(f"ssh://host{path}", 30)
    remote = shlex.split(" ".join(command[command.index("host") + 1 :]))
    assert remote == ["docker", "--host", f"unix://{unquote(path)}", "system", "dial-stdio"]
