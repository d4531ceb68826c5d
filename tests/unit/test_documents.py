"""The documentation says nothing that the code does not know: verbs, options, settings; and its reference misses nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from traitlets.config import Configurable

from docs.generated import rest_api, settings, verbs
from tests.unit.documents import ROOT, code_of, command_lines, pages, steps_of, workspace_commands
from workspace_launcher import config
from workspace_launcher.client.cli import main
from workspace_launcher.client.verbs import VERBS
from workspace_launcher.openapi import CALLS, document


def commands() -> list[Any]:
    """Return a parameter for each command of the pages, named by where it stands."""
    return [
        pytest.param(words, id=f"{said.page.relative_to(ROOT)}:{said.line} {' '.join(words)}")
        for page in pages()
        for said in code_of(page)
        for line in command_lines(said)
        for words in workspace_commands(line)
        if words not in ([], ["…"])  # nothing in particular
    ]


@pytest.mark.parametrize("words", commands())
def test_every_command_is_understood(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for verb in VERBS.values():
        monkeypatch.setattr(verb, "action", lambda terminal, options: done.append(options.verb))
    for name in VERBS if words[0] == "VERB" else words[:1]:
        if "--help" in words and "--" not in words:
            with pytest.raises(SystemExit) as left:
                main([name, *words[1:]])
            assert left.value.code == 0
        else:
            assert main([name, *words[1:]]) == 0
            assert done[-1] == name


def test_the_commands_are_found() -> None:
    assert len(commands()) > 60
    line = "A=b jq x | true && jupyter workspace stop one  # two"
    assert list(workspace_commands(line)) == [["stop", "one"]]
    line = 'echo a | jupyter workspace launch -i "$(jupyter workspace snapshots --json | jq .)" --open; true'
    assert list(workspace_commands(line)) == [["snapshots", "--json"], ["launch", "-i", "SUBSTITUTED", "--open"]]
    tutorial = [step.command for step in steps_of(ROOT / "docs/tutorial.md")]
    assert len(tutorial) > 15 and all("jupyter workspace" in command for command in tutorial)


def flags_of(name: str) -> set[str]:
    return {flag for argument in VERBS[name].arguments for flag in argument.flags} | {"--url", "--token", "--help"}


@pytest.mark.parametrize("page", pages(), ids=str)
def test_tables_of_verbs_name_their_options(page: Path) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    row: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append([child.content for child in token.children or () if child.type == "code_inline"])
        elif token.type == "tr_close" and len(row) > 1 and row[0] and row[0][0].split()[0] in VERBS:
            verbs = [code.split()[0] for code in row[0] if code.split()[0] in VERBS]
            options = [code.split()[0] for codes in row[1:] for code in codes if re.match("--?[a-z]", code)]
            unknown = set(options) - set().union(*map(flags_of, verbs))
            assert not unknown, (verbs, unknown)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_settings_that_are_named_are_there(page: Path) -> None:
    known = {f"{kind.__name__}.{name}" for kind in settings.configurables() for name in kind.class_trait_names()}
    named = set(re.findall(r"\b([A-Z]\w*Config\.\w+)", page.read_text()))
    assert named <= known


def test_the_reference_has_every_setting() -> None:
    written = set(re.findall(r"\{confval\} (\S+)", settings.markdown()))
    assert written == {
        f"{kind.__name__}.{name}" for kind in settings.configurables() for name in kind.class_trait_names(config=True)
    }
    kinds = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, Configurable)]
    assert {*kinds} - {Configurable} <= {*settings.configurables()}
    assert len(written) > 40


def test_the_reference_has_every_verb_and_option() -> None:
    written = verbs.markdown()
    for verb in VERBS.values():
        part = written.partition(f"\n### {verb.name}\n")[2].partition("\n### ")[0]
        assert verb.summary.split(":")[0] in part
        described = set(re.findall(r"--?[a-z][a-z-]*", " ".join(re.findall(r"\{option\} (.*)", part))))
        assert described == {flag for argument in verb.arguments for flag in argument.flags if flag.startswith("-")}


def test_the_reference_has_every_call_and_schema() -> None:
    described = document("/api")
    written = rest_api.markdown(described)
    for path, method, *_ in CALLS:
        assert f"`{method.upper()}` `{path}`" in written
    linked = set(re.findall(r"\(#(schema-\w+)\)", written))
    assert linked and linked <= set(re.findall(r"^\((schema-\w+)\)=$", written, re.MULTILINE))
    assert set(described["components"]["schemas"]) == set(
        re.findall(r"^### ([A-Z]\w+)$", written.partition("## Schemas")[2], re.MULTILINE)
    )


def test_markdown_in_help_texts_is_text() -> None:
    assert "\\<id\\>.localhost" in settings.markdown()
