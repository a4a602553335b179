"""The pages hold together: links lead somewhere, commands shown exist, README's commands run."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manifest.checks import Check, CsvCheck, JsonCheck, MergeRule, MergeSpec, Recompute, RootCheck
from manifest.decimals import Range
from manifest.grid import Exclusion, GridWork, Interval, Override
from manifest.hosts import Host
from manifest.lsf_section import Lsf
from manifest.resources import Resources
from manifest.software import Bundle, Provenance
from manifest.spec import (
    Component,
    Input,
    Logs,
    Output,
    Retry,
    Spec,
)
from manifest.ssh_section import Ssh
from manifest.staging import Staging
from manifest.states import CAUSES, STATES, allowed
from manifest.timing import Phase
from manifest.transfers import Transfer
from manifest.work import Seed, Work

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("examples/*/*.md")),
]
RUNNABLE = "<!-- runnable -->"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
INLINE = re.compile(r"`((?:farmhand|make) [^`]+)`")
VERB = re.compile(r"^  ([a-z]+)  +\S", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def typed(page: Path) -> list[str]:
    """Return what a reader is asked to type, in order.

    A command is a line of a console block that begins with ``$ ``; when it ends in a backslash it
    goes on in the next line, which begins with ``> ``.
    """
    found: list[str] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith("> ") and found and found[-1].endswith("\\"):
                found[-1] = found[-1][:-1] + line[2:]
    return found


def mentioned(page: Path) -> list[str]:
    """Return the commands that stand in running text, between backticks."""
    return INLINE.findall(FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the fragments that a page's headings offer, as Git hosting sites spell them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@functools.cache
def help_of(*verb: str) -> str:
    result = subprocess.run(
        ["farmhand", *verb, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, f"farmhand {' '.join(verb)} --help: {result.stderr}"
    return result.stdout


@functools.cache
def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert lines
    return {target for line in lines for target in line.split()}


def unknown_words(command: str) -> list[str]:
    """Return the verb or the options of a farmhand command that its help does not know."""
    words = shlex.split(command, comments=True)[1:]
    if "--" in words:
        words = words[: words.index("--")]
    if not words or words[0].startswith("-"):
        return []
    verb, *rest = words
    if verb not in VERB.findall(help_of()):
        return [verb]
    if rest and rest[0] in VERB.findall(help_of(verb)):
        verb, rest = f"{verb} {rest[0]}", rest[1:]
    options = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", help_of(*verb.split())))
    return sorted(options - known)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{name_of(page)} links to {link}, which is not there"
        if fragment:
            assert fragment in anchors(path), f"{name_of(page)} links to {link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_shown_exists(page: Path) -> None:
    for command in [*typed(page), *mentioned(page)]:
        if command.startswith("farmhand "):
            assert unknown_words(command) == [], f"{name_of(page)} shows: {command}"
        elif command.startswith("make "):
            targets = {word for word in command.split()[1:] if "=" not in word}
            assert targets <= make_targets(), f"{name_of(page)} shows: {command}"


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert unknown_words("farmhand rendre farmhand.yaml") == ["rendre"]
    assert unknown_words("farmhand check --jsno RUN") == ["--jsno"]
    assert unknown_words("farmhand check --json RUN  # --jsno") == []
    assert unknown_words("farmhand report timing RUN --plto t.svg") == ["--plto"]
    assert unknown_words("farmhand report timing RUN --plot t.svg") == []


def test_every_page_in_docs_is_reached_from_its_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop()
        if page.is_dir():
            waiting += page.glob("*.md")
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
        inside = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
        waiting += [(page.parent / link).resolve() for link in inside]
    assert set((ROOT / "docs").rglob("*.md")) <= seen


RUNNABLE_PAGES = [page for page in PAGES if page == README or RUNNABLE in page.read_text()]


@pytest.mark.payload
@pytest.mark.parametrize("page", RUNNABLE_PAGES, ids=name_of)
def test_the_commands_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    """Run them in one shell, in a copy of the examples; ``make`` lines are whole runs of their own.

    (``make test`` would run this test again; that the targets exist is tested above.)
    """
    commands = [command for command in typed(page) if not command.startswith("make ")]
    assert commands
    ignore = shutil.ignore_patterns("artifacts", "runs")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignore)
    shell = subprocess.run(
        ["bash", "-exo", "pipefail", "-c", "\n".join(commands)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout


def test_the_table_of_states_and_causes_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs/verdicts.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    (head,) = (row for row in cells if row[:2] == ["cause", "meaning"])
    table = {row[0]: row for row in cells if len(row) == len(head) and row[0] in CAUSES}
    assert list(table) == list(CAUSES)
    for cause, row in table.items():
        said = {state for state, cell in zip(head, row, strict=True) if cell == "yes"}
        assert said == {state for state in STATES if allowed(state, cause)}, cause


def test_every_key_of_a_spec_is_documented() -> None:
    text = (ROOT / "docs/spec.md").read_text(encoding="utf-8")
    models: list[type[BaseModel]] = [Spec, Work, Seed, Input, Output, Resources, Logs, Component]
    models += [Lsf, Phase, Retry, Check, JsonCheck, CsvCheck, RootCheck, MergeRule, MergeSpec]
    models += [Staging, Transfer, Bundle, Provenance]
    models += [GridWork, Range, Interval, Exclusion, Override]
    models += [Recompute]
    models += [Ssh, Host]
    for model in models:
        for name, field in model.model_fields.items():
            key = field.alias or name
            assert re.search(rf"`(\w+\.)*{key}`|\b{key}:", text), f"{model.__name__}.{key}"
