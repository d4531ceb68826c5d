"""From two file systems to a recipe, and whether what a recipe makes is the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.file_systems import SITE, apt, conda, pip, python, read
from workspace_launcher.environment.recipe import Base, Plan, plan, write
from workspace_launcher.environment.reproduction import NAMED, compare, failed

MUCH = 1 << 30
BASE = Base("workspace-launcher/lab:latest", "sha256:1234", user="workspace")


def planned(before: dict[str, Any], after: dict[str, Any], *, limit: int = MUCH) -> Plan:
    return plan(read(before), read(after), limit=limit)


def written(steps: Plan, base: Base = BASE) -> dict[str, str]:
    files = write(steps, base, snapshot="ann/cat:one", manifest=read(python()).manifest)
    return {name: content.decode() for name, content in files.items()}


def test_nothing_changed() -> None:
    files = python(pip("thing", "1.0"))
    steps = planned(files, files)
    assert steps == Plan((), (), (), (), (), (), (), "opt/conda")
    made = written(steps)
    assert "RUN" not in made["Dockerfile"].replace("RUN rm -rf /tmp/recipe", "")
    assert made["requirements.txt"] == made["apt.txt"] == "" and made["conda-linux-64.lock"] == "@EXPLICIT\n"


def test_what_packages_explain_is_installed_and_the_rest_copied() -> None:
    before = {**python(pip("thing", "1.0")), **apt(jq="1.6")}
    after = {
        **python(pip("thing", "2.0", b"second"), pip("other", "3.0")),
        **apt(jq="1.6", tree="2.1"),
        **conda("ripgrep", "14"),
        "home/workspace/notes.txt": b"by hand",
        "home/workspace/.cache/pip/x": b"a cache",
        "opt/conda/lib/__pycache__/x.pyc": b"code",
    }
    steps = planned(before, after)
    assert {one.requirement.partition("#")[0] for one in steps.install} == {
        "thing==2.0",
        "other==3.0",
        "tree=2.1",
        "https://channel.example/ripgrep-14-0.conda",
    }
    assert (steps.remove, steps.sourceless, steps.edited, steps.left_out) == ((), (), (), ())
    # A file below /etc is the user's to change: no package explains it.
    assert steps.copied == ("etc/tree.conf", "home/workspace/notes.txt", "opt/conda/bin/conda")
    made = written(steps)
    assert made["requirements.txt"] == "other==3.0\nthing==2.0\n"
    assert made["apt.txt"] == "tree=2.1\n"
    dockerfile = made["Dockerfile"]
    order = [dockerfile.index(part) for part in ("apt-get install", "conda install", "pip install", "ADD files.tar /")]
    assert order == sorted(order)
    assert dockerfile.rstrip().endswith("USER workspace")
    assert json.loads(made["manifest.json"])["python"] == ""


def test_what_a_package_brought_and_somebody_changed_is_copied_and_named() -> None:
    before, after = python(pip("thing", "1.0")), python(pip("thing", "1.0"), pip("other", "3.0"))
    after |= {f"{SITE}/other.py": b"mended", f"{SITE}/thing.py": b"mended too"}
    steps = planned(before, after)
    assert steps.edited == steps.copied == (f"{SITE}/other.py", f"{SITE}/thing.py")
    assert f"- `{SITE}/other.py`" in written(steps)["README.md"].partition("Changed by hand")[2]


def test_what_is_gone() -> None:
    before = {**python(pip("thing", "1.0"), pip("gone", "1.0")), "srv/a": None, "srv/a/b": b"b", "var/log/x": b"x"}
    steps = planned(before, python(pip("thing", "1.0")))
    assert steps.remove == (("pip", "gone"),)
    assert steps.deleted == ("srv/a",), "what it holds goes with it, its package's files with the package"
    made = written(steps)
    assert "-m pip uninstall --yes gone" in made["Dockerfile"]
    assert made["removed.txt"] == "/srv/a\0" and "xargs -0 -r rm -rf -- < /tmp/recipe/removed.txt" in made["Dockerfile"]


def test_what_came_from_nowhere_is_copied_and_named() -> None:
    steps = planned(python(), python(pip("mine", "1.0", url={"url": "file:///tmp/mine", "dir_info": {}})))
    assert steps.install == () and [one.package.name for one in steps.sourceless] == ["mine"]
    assert f"{SITE}/mine.py" in steps.copied and f"{SITE}/mine-1.0.dist-info/METADATA" in steps.copied
    made = written(steps)
    assert made["requirements.txt"] == "# mine==1.0 came from file:///tmp/mine: its files are copied.\n"
    assert "pip mine 1.0 file:///tmp/mine" in made["README.md"]


def test_the_largest_are_left_out_where_there_is_no_room() -> None:
    steps = planned({}, {"srv/large": b"a" * 100, "srv/small": b"b" * 10, "srv/second": b"c" * 20}, limit=35)
    assert steps.copied == ("srv/second", "srv/small")
    assert steps.left_out == (("srv/large", 100),)
    assert "`srv/large (100 bytes)`" in written(steps)["README.md"]


def test_a_recipe_names_its_base_by_digest_where_there_is_one() -> None:
    steps = planned({}, {})
    assert "ARG BASE=workspace-launcher/lab:latest\nFROM ${BASE}" in written(steps)["Dockerfile"]
    assert "sha256:1234" in written(steps)["Dockerfile"]
    digest = "registry.example/lab@sha256:5678"
    assert f"ARG BASE={digest}\n" in written(steps, Base("lab:1", "sha256:1234", digest))["Dockerfile"]


@pytest.mark.parametrize("name", ["a;zz", "a&&zz", "a`zz`", "$(zz)", "--zz", "a'zz", 'a"zz', "a zz", "a>zz", "a\\zz"])
def test_hostile_names_are_in_no_command(name: str) -> None:
    evil = {f"{SITE}/evil-1.dist-info/METADATA": f"Name: {name}\nVersion: 1\n".encode()}
    others = {f"{SITE}/evil-1.dist-info/RECORD": b""}
    for steps in (planned(python(), python(evil, others)), planned(python(evil, others), python(pip("a", "1")))):
        made = written(steps)
        commands = re.sub(r"^#.*$", "", made["Dockerfile"] + made["requirements.txt"], flags=re.MULTILINE)
        assert "zz" not in commands
        assert all(re.match(r"(#|ARG|FROM|USER|COPY|RUN|ADD) ?", line) for line in made["Dockerfile"].splitlines())


def test_a_prefix_that_no_shell_may_see() -> None:
    odd = {path.replace("opt/conda", "opt/a;b"): content for path, content in python(pip("thing", "1.0")).items()}
    assert planned({}, odd).prefix == ""


def test_the_same_made_again() -> None:
    wanted = {
        **python(pip("thing", "1.0")),
        "srv": None,
        "srv/a": b"a",
        f"{SITE}/__pycache__/a.pyc": b"one",
        "tmp/x": b"",
    }
    made = {**python(pip("thing", "1.0")), "srv": None, "srv/a": b"a", f"{SITE}/thing-1.0.dist-info/INSTALLER": b"pip"}
    assert compare(read(wanted), read(made)).reproducible
    own, roots = compare(read(wanted, uid=5), read(made)), read(python(pip("thing", "1.0")))
    assert own.files.different.paths == ("opt/conda/bin/python", "srv/a"), (
        "whose a package's files are is no difference"
    )
    assert compare(roots, roots).reproducible


def test_what_differs_is_named() -> None:
    wanted = {**python(pip("thing", "1.0"), pip("lost", "1.0")), "srv/a": b"a", "srv/b": b"b"}
    made = {**python(pip("thing", "2.0")), "srv/a": b"other", "srv/c": b"c"}
    found = compare(read(wanted), read(made))
    assert not found.reproducible and found.error is None
    assert [one.name for one in found.packages.removed] == ["lost"]
    assert [(one.name, one.before, one.after) for one in found.packages.changed] == [("thing", "1.0", "2.0")]
    assert "srv/b" in found.files.missing.paths and "srv/c" in found.files.extra.paths
    assert "srv/a" in found.files.different.paths


def test_of_many_differences_the_first_are_named() -> None:
    found = compare(read({f"srv/{number:04}": b"" for number in range(NAMED + 5)}), read({}))
    assert (found.files.missing.count, len(found.files.missing.paths)) == (NAMED + 5, NAMED)


def test_what_could_not_be_made() -> None:
    found = failed("No such package.")
    assert (found.reproducible, found.error, found.files.missing.count) == (False, "No such package.", 0)
