"""An engine by TCP with TLS: a real daemon that asks for a client's certificate, found by variables and by contexts."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.certificates import Authority
from tests.engine.conftest import PREFIX, TINY
from tests.engine.second_daemon import SecondDaemon
from tests.engine.tls_endpoint import TlsEndpoint
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.errors import EngineUnavailable

Use = Callable[[Path], None]
VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_CONFIG")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def certificates(second_daemon: SecondDaemon, tmp_path: Path) -> Path:
    return second_daemon.authority.client_directory(tmp_path / "right")


async def assert_works(engine: DockerEngine, daemon: SecondDaemon) -> None:
    """Check that this is the second daemon, over a connection that can also stream."""
    with contextlib.closing(daemon.client()) as client:
        theirs = client.info()["DockerRootDir"]
    assert (await engine.info()).root_directory == theirs == f"{daemon.directory}/data"
    # Other tests may have left it more than this one.
    assert (TINY,) in [image.tags for image in await engine.list_images(label="from.image")]
    events = engine.events()
    assert (await events.__anext__()).action == "subscribed"
    await engine.tag_image(TINY, reference=f"{PREFIX}tls:one")
    await engine.remove_image(f"{PREFIX}tls:one")
    assert [(await events.__anext__()).action for _ in range(2)] == ["tag", "untag"]
    await events.aclose()
    await engine.close()


async def test_by_variables(second_daemon: SecondDaemon, certificates: Path, use: Use) -> None:
    use(certificates)
    engine = DockerEngine()
    assert engine.shares_file_system is False
    await assert_works(engine, second_daemon)


async def test_by_settings(second_daemon: SecondDaemon, certificates: Path) -> None:
    engine = DockerEngine(
        host=second_daemon.tcp,
        tls_ca=str(certificates / "ca.pem"),
        tls_certificate=str(certificates / "cert.pem"),
        tls_key=str(certificates / "key.pem"),
    )
    await assert_works(engine, second_daemon)


@pytest.mark.parametrize("how", ["use", "variable"])
async def test_by_a_context_of_the_docker_command(
    second_daemon: SecondDaemon, certificates: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def docker(*arguments: str) -> None:
        subprocess.run(["docker", "context", *arguments], check=True, capture_output=True, timeout=30)

    files = ",".join(f"{name}={certificates}/{name}.pem" for name in ("ca", "cert", "key"))
    docker("create", "elsewhere", "--docker", f"host={second_daemon.tcp},{files}")
    shutil.rmtree(certificates)  # The context has copies.
    if how == "use":
        docker("use", "elsewhere")
    else:
        monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    await assert_works(DockerEngine(), second_daemon)


@pytest.fixture
def use(second_daemon: SecondDaemon, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Name a directory of certificates for the second daemon."""

    def set_variables(certificates: Path) -> None:
        monkeypatch.setenv("DOCKER_HOST", second_daemon.tcp)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))

    return set_variables


async def refusal(host: str | None = None) -> str:
    engine = DockerEngine(host=host)
    with pytest.raises(EngineUnavailable) as caught:
        await engine.info()
    await engine.close()
    return caught.value.message


async def test_an_engine_of_another_authority(second_daemon: SecondDaemon, tmp_path: Path, use: Use) -> None:
    stranger = Authority(tmp_path / "stranger")
    use(second_daemon.authority.client_directory(tmp_path / "wrong", authority=stranger))
    said = await refusal()
    assert said.startswith(f"The container engine at {second_daemon.tcp} does not answer: its TLS certificate is not")


async def test_an_engine_of_another_address(
    second_daemon: SecondDaemon, certificates: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(certificates)
    with TlsEndpoint(second_daemon.authority, address="192.0.2.1") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        assert "its TLS certificate is not the right one (IP address mismatch" in await refusal()


@pytest.mark.parametrize("kind", ["none", "stranger's"])
async def test_a_client_without_the_right_certificate(
    second_daemon: SecondDaemon, tmp_path: Path, use: Use, kind: str
) -> None:
    ours = second_daemon.authority
    if kind == "none":
        use(ours.client_directory(tmp_path / "client", certificate=False))
    else:
        use(Authority(tmp_path / "stranger").client_directory(tmp_path / "client", authority=ours))
    assert "does not accept our TLS certificate, or wants one" in await refusal()


async def test_no_tls_with_an_engine_that_wants_it(second_daemon: SecondDaemon) -> None:
    assert "HTTPS" in await refusal(second_daemon.tcp)


async def test_tls_with_an_engine_that_has_none(certificates: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    use(certificates)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (await refusal()).endswith("does not answer: it does not speak TLS.")
    server.close()


async def test_files_that_are_no_certificates(certificates: Path, use: Use) -> None:
    use(certificates)
    (certificates / "key.pem").write_text("nonsense")
    assert "one of the certificate files for TLS cannot be used" in await refusal()
    (certificates / "key.pem").unlink()
    assert str(certificates) in await refusal()
