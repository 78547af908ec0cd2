"""What README.md and docs/ tell a stranger to type exists: commands, options, make targets, files behind links."""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from microbrew_host.cli import COMMANDS, app
from microbrew_host.demo.run import HEAP_SIZE

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tests" / "README.md"]

_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def typed(text):
    """Every command line of a document: of its blocks, fenced or indented, and what stands in backquotes."""
    lines = [line for block in _FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    text = _FENCE.sub("", text)
    lines += [line for line in text.splitlines() if line.startswith("    ")]
    lines += [" ".join(code.split()) for code in _CODE.findall(text)]
    return [line.strip().removeprefix(".venv/bin/") for line in lines]


def lines_of(program):
    pairs = [(path, line) for path in DOCUMENTS for line in typed(path.read_text()) if line.startswith(program + " ")]
    return sorted({(path.relative_to(ROOT).as_posix(), line) for path, line in pairs})


def fault(line):
    """What is wrong with the words of a `microbrew` command line, or None."""
    words = shlex.split(line, comments=True)[1:]
    command = get_command(app)
    path = "microbrew"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        path += " " + words[0]
        command = command.get_command(None, words.pop(0))
        if command is None:
            return f"there is no `{path}`"
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--") and word.split("=")[0] not in options | {"--help"}:
            return f"`{path}` has no {word}"
    return None


@pytest.mark.parametrize(("document", "line"), lines_of("microbrew"))
def test_a_documented_command_exists_with_its_options(document, line):
    assert fault(line) is None, document


def test_faults_are_noticed():
    assert fault("microbrew brew") == "there is no `microbrew brew`"
    assert fault("microbrew jrc enrol") == "there is no `microbrew jrc enrol`"
    assert fault("microbrew ether --colour blue") == "`microbrew ether` has no --colour"


def test_the_readme_names_every_command():
    named = {line.split()[1] for document, line in lines_of("microbrew") if document == "README.md"}
    assert named >= set(COMMANDS)


@pytest.mark.parametrize(("document", "line"), lines_of("make"))
def test_a_documented_make_target_exists(document, line):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = [word for word in shlex.split(line, comments=True)[1:] if "=" not in word]
    assert set(words) <= targets, document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(document):
    broken = [link for link in _LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert not broken


def test_every_decision_is_listed_by_number_and_title():
    listed = (ROOT / "docs/decisions/README.md").read_text()
    for page in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        title = page.read_text().splitlines()[0].split(None, 2)[2]
        assert f"[{page.name[:4]}]({page.name}) | {title} |" in listed


def test_devices_are_started_with_the_heap_that_was_measured():
    assert f"heapsize={HEAP_SIZE}" in (ROOT / "docs/running.md").read_text()
