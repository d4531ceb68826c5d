"""The default image, started as the launcher starts it and plainly, does what a user of a lab expects."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from tests.engine.ladder import REPOSITORY, left_behind, of_this_machine_alone, wait
from workspace_launcher.launch_directory import PAGE

IMAGE = f"{REPOSITORY}/lab:latest"
GROUP = 990
TOKEN = "a-token-of-the-test"
BASE = "/workspace/anna/quiet_otter/"


class Lab:
    """A running container of the image, and how to talk to it."""

    def __init__(self, container: Any, base: str) -> None:
        self.container = container
        container.reload()
        port = container.ports["8888/tcp"][0]["HostPort"]
        self.url = f"http://127.0.0.1:{port}{base}"

    def ask(self, method: str, path: str, token: str | None = TOKEN, **json_body: object) -> requests.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        return requests.request(method, self.url + path, headers=headers, json=json_body or None, timeout=20)

    def run(self, command: str, workdir: str = "/home/workspace/notebooks") -> str:
        code, output = self.container.exec_run(["bash", "-c", command], workdir=workdir)
        text = str(output.decode()).strip()
        assert code == 0, f"{command}: exit {code}: {text}"
        return text


@pytest.fixture(scope="module")
def engine() -> Any:
    client = docker.from_env()
    client.ping()
    return client


def launcher_options(folder: Path, uid: int, gid: int) -> dict[str, Any]:
    """Write what the launcher writes; return the container's options."""
    run, notebooks = folder / "run", folder / "notebooks"
    run.mkdir()
    notebooks.mkdir()
    notebooks.chmod(0o777)
    server = {"base_url": BASE, "ip": "0.0.0.0", "port": 8888, "allow_root": True}
    server["root_dir"] = "/home/workspace/notebooks"
    (run / "token").write_text(TOKEN)
    (run / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": server}))
    (run / "labconfig").mkdir()
    (run / "labconfig/page_config.json").write_text(json.dumps(PAGE))
    (run / "passwd").write_text(f"anna:x:{uid}:{gid}::/home/workspace:/bin/bash\n")
    (run / "group").write_text(f"anna:x:{gid}:\n")
    for path in (run, run / "token"):
        shutil.chown(path, uid, gid)
    (run / "token").chmod(0o400)
    mount = docker.types.Mount
    return {
        "user": f"{uid}:{gid}",
        "group_add": [str(GROUP)],
        "environment": {
            "JUPYTER_CONFIG_PATH": "/run/workspace",
            "JUPYTER_TOKEN_FILE": "/run/workspace/token",
            "HOME": "/home/workspace",
        },
        "mounts": [
            mount("/run/workspace", str(run), type="bind", read_only=True),
            mount("/home/workspace/notebooks", str(notebooks), type="bind"),
        ],
    }


WAYS = ["4321:4321", "0:0", "plain"]


@pytest.fixture(scope="module", params=WAYS)
def lab(request: pytest.FixtureRequest, engine: Any) -> Iterator[Lab]:
    """The image the launcher's way for an arbitrary user and for root, and by a plain `docker run`."""
    folder = Path(tempfile.mkdtemp(prefix="lab-image-"))
    options: dict[str, Any]
    if request.param == "plain":
        options, base = {"environment": {"JUPYTER_TOKEN": TOKEN}}, "/"
    else:
        uid, gid = request.param.split(":")
        options, base = launcher_options(folder, int(uid), int(gid)), BASE
    healthcheck = {"test": ["CMD", "lab-health"], "interval": 1_000_000_000}  # the image's own looks every 30 s
    container = engine.containers.run(
        IMAGE,
        detach=True,
        name=f"test-lab-image-{secrets.token_hex(4)}",
        ports={"8888/tcp": ("127.0.0.1", None)},
        healthcheck=healthcheck,
        **options,
    )
    failed = request.session.testsfailed
    try:
        yield_lab = Lab(container, base)
        wait(lambda: yield_lab.ask("GET", "api/status").status_code)
        yield yield_lab
    finally:
        if request.session.testsfailed > failed or sys.exc_info()[0]:
            print(container.logs().decode())
        container.remove(force=True, v=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_status_needs_the_token(lab: Lab) -> None:
    assert lab.ask("GET", "api/status").status_code == 200
    assert lab.ask("GET", "api/status", token=None).status_code == 403
    assert lab.ask("GET", "api/status", token="another").status_code == 403


def test_a_kernel_starts(lab: Lab) -> None:
    specs = lab.ask("GET", "api/kernelspecs").json()
    assert specs["default"] in specs["kernelspecs"]
    kernel = lab.ask("POST", "api/kernels", name="python3").json()
    lab.run("command -v python | grep -x /opt/conda/bin/python")
    assert lab.ask("DELETE", f"api/kernels/{kernel['id']}").status_code == 204


def test_what_is_loaded_late_is_there(lab: Lab) -> None:
    assert lab.ask("POST", "api/terminals").json()["name"]
    assert lab.ask("GET", "lsp/status").json()["version"]
    assert lab.ask("GET", "lab/api/extensions").status_code == 200
    page = lab.ask("GET", "lab").text
    assert '"terminalsAvailable": true' in page
    assert '"read-only"' in page


def test_the_front_end_is_there_and_knows_where_it_is(lab: Lab, request: pytest.FixtureRequest) -> None:
    lab.run("jupyter labextension list")
    page = lab.ask("GET", "lab").text
    found = re.search(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    config = json.loads(found[1])
    extensions = {extension["name"]: extension["load"] for extension in config["federated_extensions"]}
    bundle = extensions["@workspace-launcher/labextension"]
    assert lab.ask("GET", f"lab/extensions/@workspace-launcher/labextension/{bundle}").status_code == 200
    # The launcher's own part would look in vain for its server here, and a plain lab is in no workspace.
    assert "@workspace-launcher/labextension:plugin" in config["disabledExtensions"]
    plain = "plain" in request.node.name
    assert config.get("workspaceLauncher") == (None if plain else PAGE["workspaceLauncher"])
    assert config["lockedExtensions"] == [], "JupyterLab took what is off for what must stay off"


def test_the_user_has_a_name_a_home_and_may_become_root(lab: Lab) -> None:
    name = {"4321": "anna", "0": "root", "1000": "workspace"}[lab.run("id -u")]
    assert lab.run("whoami") == name
    assert lab.run("sudo -n id -u") == "0"
    lab.run('touch "$HOME/.cache/x" "$HOME/x" /home/workspace/notebooks/x')


def test_pip_installs_for_everyone_in_the_group(lab: Lab) -> None:
    lab.run(
        "mkdir -p /tmp/tiny && cd /tmp/tiny && echo 'x = 7' > tiny_of_test.py && python - <<'E'\n"
        "import zipfile\n"
        "with zipfile.ZipFile('tiny_of_test-1-py3-none-any.whl', 'w') as wheel:\n"
        "    wheel.write('tiny_of_test.py')\n"
        "    info = 'tiny_of_test-1.dist-info/'\n"
        "    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: tiny-of-test\\nVersion: 1\\n')\n"
        "    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "    wheel.writestr(info + 'RECORD', '')\n"
        "E\n"
    )
    lab.run("pip install --no-deps --no-index /tmp/tiny/*.whl")
    assert lab.run("python -c 'import tiny_of_test; print(tiny_of_test.x)'") == "7"
    folder = lab.run("python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'")
    assert lab.run(f"stat -c '%g %A' {folder}/tiny_of_test-1.dist-info").startswith(f"{GROUP} drwxrws")
    lab.run("pip uninstall -y tiny-of-test")
    # What the image has can be replaced too.
    lab.run(f"mv {folder}/six.py {folder}/six.old && mv {folder}/six.old {folder}/six.py")


def test_formats_are_still_checked(lab: Lab) -> None:
    """The modules that start-lab puts off are whole for everyone else."""
    check = "from jsonschema import FormatChecker as F; print([F().conforms(x, 'iri') for x in ('http://a/b', '<>')])"
    assert lab.run(f'python -c "{check}"') == "[True, False]"


def test_health(lab: Lab) -> None:
    def status() -> str:
        lab.container.reload()
        return str(lab.container.attrs["State"]["Health"]["Status"])

    wait(lambda: status() == "healthy")
    assert "lab-health" not in lab.container.logs().decode()
    assert "favicon" not in lab.container.logs().decode()


def test_the_image_keeps_nothing_of_its_building(engine: Any) -> None:
    assert left_behind(engine, IMAGE, of_this_machine_alone(engine, IMAGE)) == []
    config = engine.images.get(IMAGE).attrs["Config"]
    assert config["User"] == "workspace"
    assert config["Healthcheck"]["Interval"] == 30_000_000_000


def test_the_image_is_small(engine: Any) -> None:
    assert engine.images.get(IMAGE).attrs["Size"] < 450_000_000, "script/images sizes lab says what takes how much"
