"""Where the engine is: settings, variables, contexts and the default, in that order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from workspace_launcher.engine.docker_host import DEFAULT_SOCKET, DockerHost, Tls, find_host
from workspace_launcher.errors import EngineUnavailable


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path


def find(home: Path, host: str | None = None, *, tls: Tls | None = None, **environment: str) -> DockerHost:
    return find_host(host, tls=tls, environment=environment, home=home)


def write_context(docker: Path, name: str, endpoint: Any, *files: str) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = docker / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    tls = docker / "contexts" / "tls" / digest / "docker"
    if files:
        tls.mkdir(parents=True)
    for file in files:
        (tls / file).touch()
    return tls


def test_nothing_said_is_the_default_socket(home: Path) -> None:
    assert find(home) == DockerHost(DEFAULT_SOCKET)
    assert find(home, "") == DockerHost(DEFAULT_SOCKET)
    assert find(home, DOCKER_HOST="", DOCKER_CONTEXT="default") == DockerHost(DEFAULT_SOCKET)


def test_the_order(home: Path) -> None:
    write_context(home / ".docker", "current", {"Host": "tcp://current:1"})
    write_context(home / ".docker", "named", {"Host": "tcp://named:1"})
    (home / ".docker" / "config.json").write_text('{"currentContext": "current"}')
    assert find(home).url == "tcp://current:1"
    assert find(home, DOCKER_CONTEXT="named").url == "tcp://named:1"
    assert find(home, DOCKER_CONTEXT="default").url == DEFAULT_SOCKET
    assert find(home, DOCKER_CONTEXT="named", DOCKER_HOST="tcp://variable:1").url == "tcp://variable:1"
    assert find(home, "tcp://setting:1", DOCKER_HOST="tcp://variable:1").url == "tcp://setting:1"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
        ("/run/docker.sock", "unix:///run/docker.sock"),
        ("tcp://host", "tcp://host:2375"),
        ("tcp://host:1234/", "tcp://host:1234"),
        ("tcp://[::1]:1234", "tcp://[::1]:1234"),
        ("tcp://[fd00::1]", "tcp://[fd00::1]:2375"),
        ("host:1234", "tcp://host:1234"),
        ("tcp://:1234", "tcp://127.0.0.1:1234"),
        ("http://host:1234", "tcp://host:1234"),
        ("ssh://user@host:22/run/docker.sock", "ssh://user@host:22/run/docker.sock"),
        ("ssh://host", "ssh://host"),
    ],
)
def test_forms_of_an_address(home: Path, given: str, url: str) -> None:
    assert find(home, given) == find(home, DOCKER_HOST=given) == DockerHost(url)


def test_https_means_tls(home: Path) -> None:
    assert find(home, "https://host") == DockerHost("tcp://host:2376", Tls())
    given = Tls("ca.pem")
    assert find(home, "https://host:1", tls=given) == DockerHost("tcp://host:1", given)


@pytest.mark.parametrize(
    "given",
    [
        "npipe:////./pipe/docker_engine",
        "fd://3",
        "tcp://host:port",
        "tcp://host:99999",
        "tcp://",
        "unix://",
        "ssh://",
        "://x",
    ],
)
def test_no_address(home: Path, given: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        find(home, given)
    assert caught.value.message.endswith(".")


def test_a_password_is_not_shown(home: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        find(home, "tcp://user:hunter2@host:port")
    assert "hunter2" not in caught.value.message
    assert "hunter2" not in str(find(home, "ssh://user:hunter2@host"))


def test_tls_by_variables(home: Path) -> None:
    place = home / "certificates"
    place.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (place / name).touch()
    ca, certificate, key = (str(place / name) for name in ("ca.pem", "cert.pem", "key.pem"))

    def told(**environment: str) -> DockerHost:
        return find_host(environment={"DOCKER_HOST": "tcp://host", "DOCKER_CERT_PATH": str(place), **environment})

    # As for the docker command, the path alone turns nothing on.
    assert told() == DockerHost("tcp://host:2375")
    assert told(DOCKER_TLS_VERIFY="1") == DockerHost("tcp://host:2376", Tls(ca, certificate, key))
    assert told(DOCKER_TLS="1") == DockerHost("tcp://host:2376", Tls(ca, certificate, key, verify=False))
    assert find(home, tls=Tls("other"), DOCKER_HOST="tcp://host", DOCKER_TLS_VERIFY="1").tls == Tls("other")


def test_tls_without_a_path_lies_with_the_configuration(home: Path) -> None:
    ca = home / ".docker" / "ca.pem"
    ca.touch()
    assert find(home, DOCKER_HOST="tcp://host", DOCKER_TLS_VERIFY="1").tls == Tls(str(ca))
    other = home / "other"
    other.mkdir()
    found = find(home, DOCKER_HOST="tcp://host", DOCKER_TLS_VERIFY="1", DOCKER_CONFIG=str(other))
    assert found.tls == Tls()


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem"])
def test_half_a_pair_is_said(home: Path, missing: str) -> None:
    for name in {"cert.pem", "key.pem"} - {missing}:
        (home / ".docker" / name).touch()
    with pytest.raises(EngineUnavailable, match=r"cert\.pem and key\.pem"):
        find(home, DOCKER_HOST="tcp://host", DOCKER_TLS_VERIFY="1")


def test_tls_says_nothing_of_other_addresses(home: Path) -> None:
    for given in ("unix:///run/docker.sock", "ssh://host"):
        assert find(home, DOCKER_HOST=given, DOCKER_TLS_VERIFY="1").tls is None


def test_a_context_with_tls(home: Path) -> None:
    place = write_context(home / ".docker", "safe", {"Host": "tcp://host:2376"}, "ca.pem", "cert.pem", "key.pem")
    ca, certificate, key = (str(place / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    assert find(home, DOCKER_CONTEXT="safe") == DockerHost("tcp://host:2376", Tls(ca, certificate, key))
    careless = write_context(home / ".docker", "careless", {"Host": "tcp://host:2376", "SkipTLSVerify": True}, "ca.pem")
    found = find(home, DOCKER_CONTEXT="careless")
    assert found == DockerHost("tcp://host:2376", Tls(str(careless / "ca.pem"), verify=False))


def test_a_context_by_ssh_in_another_place(home: Path, tmp_path: Path) -> None:
    write_context(tmp_path / "elsewhere", "far", {"Host": "ssh://me@far"})
    (tmp_path / "elsewhere" / "config.json").write_text('{"currentContext": "far"}')
    assert find(home, DOCKER_CONFIG=str(tmp_path / "elsewhere")) == DockerHost("ssh://me@far")


def test_a_context_that_is_not_there(home: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no docker context named 'gone'"):
        find(home, DOCKER_CONTEXT="gone")
    (home / ".docker" / "config.json").write_text('{"currentContext": "gone too"}')
    with pytest.raises(EngineUnavailable, match="gone too"):
        find(home)


@pytest.mark.parametrize("content", ["{", "[]", '{"Endpoints": {}}', '{"Endpoints": {"docker": {}}}', "\xff"])
def test_a_context_that_cannot_be_read(home: Path, content: str) -> None:
    write_context(home / ".docker", "broken", {})
    (meta,) = (home / ".docker" / "contexts" / "meta").glob("*/meta.json")
    meta.write_bytes(content.encode("latin-1"))
    with pytest.raises(EngineUnavailable, match="'broken' cannot be read"):
        find(home, DOCKER_CONTEXT="broken")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"auths": {}}', '{"currentContext": ""}', '{"currentContext": null}']
)
def test_a_configuration_that_names_no_context(home: Path, content: str) -> None:
    (home / ".docker" / "config.json").write_text(content)
    assert find(home).url == DEFAULT_SOCKET


def test_a_context_cannot_name_a_file_elsewhere(home: Path) -> None:
    with pytest.raises(EngineUnavailable):
        find(home, DOCKER_CONTEXT="../../../etc/passwd")
