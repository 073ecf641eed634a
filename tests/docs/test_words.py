"""What the pages tell people to call, to open and to follow is there."""

import json
import re
import shlex
import subprocess
import tomllib

import click
import pytest

from docs.pages import ROOT, anchors, blocks, fenced, inline, links, pages
from wattkeep.cli import wattkeep

PAGES = sorted(pages())
UNIT = ROOT / "deploy/wattkeep.service"
# `wattkeep manage` hands on whatever follows it.
OPEN_END = {"manage"}
FOLDERS = ("src/", "tests/", "docs/", "firmware/", "deploy/", "frontend/", "benchmarks/",
           "scripts/", "requirements/", ".ci/")  # fmt: skip
# Made by a build, not kept.
BUILT = {"src/wattkeep/web/static/dist"}


def commands(text):
    """Return each call of `wattkeep` in a page as a list of words."""
    lines = [line for block in blocks(text) for line in block.replace("\\\n", " ").splitlines()]
    calls = []
    for piece in [*lines, *inline(text)]:
        for part in re.split(r"&&|\||;|\$\(", piece):
            plain = part.strip().rstrip(")") if "$(" in piece else part.strip()
            if re.match(r"(\.venv/bin/)?wattkeep( |$)", plain):
                calls.append(shlex.split(plain, comments=True)[1:])
    return calls


def check_command(words):
    """Fail unless there is such a command with such options."""
    found, name = wattkeep, "wattkeep"
    words = list(words)
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in found.commands, f"{name} has no command {words[0]!r}"
        name = words.pop(0)
        found = found.commands[name]
    if name in OPEN_END:
        return
    options = {option for one in found.params for option in one.opts} | {"--help", "-h"}
    told = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert told <= options, f"wattkeep {name} has no {told - options}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    for words in commands(pages()[page]):
        check_command(words)


def test_commands_are_found_in_the_pages():
    told = [words for text in pages().values() for words in commands(text)]

    assert ["replay", "FILE", "--device", "Main panel"] in told
    assert ["serve", "--workers", "4"] in told
    assert ["sim", "fleet", "--devices", "1000", "--interval", "10", "--duration", "60"] in told


@pytest.mark.parametrize(
    "words", [["repaly"], ["up", "--prot", "1"], ["sim", "flee"]], ids=lambda words: words[0]
)
def test_a_command_that_is_not_there_is_seen(words):
    with pytest.raises(AssertionError):
        check_command(words)


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = pages()[page]
    pieces = [*inline(text), *(line for block in blocks(text) for line in block.splitlines())]
    told = {
        word
        for piece in pieces
        if (call := re.match(r"\s*(?:[A-Z_]+=\S+ )*make((?: [a-z-]+)+)", piece))
        for word in call[1].split()
    }

    assert told <= targets


def test_every_make_target_is_told_to_contributors():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}

    told = {words.removeprefix("make ") for words in inline(pages()["CONTRIBUTING.md"])}

    assert targets <= told


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(pages()[page]):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_paths_are_there(page):
    for words in inline(pages()[page]):
        if words.startswith(FOLDERS) and not re.search(r"[\s*<…]", words):
            assert (ROOT / words).exists() or words.rstrip("/") in BUILT, f"{page}: {words}"


@pytest.mark.parametrize("page", PAGES)
def test_json_is_json(page):
    for block in fenced(pages()[page], "json"):
        json.loads(block)


def test_every_decision_is_listed():
    numbered = {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}

    assert numbered == set(links(pages()["docs/decisions/README.md"]))


def test_decisions_bear_their_number():
    for path in (ROOT / "docs/decisions").glob("[0-9]*.md"):
        assert path.read_text(encoding="utf-8").startswith(f"# {path.name[:4]}: ")


def test_layers_are_told_as_they_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    told = next(
        block for block in blocks(pages()["ARCHITECTURE.md"]) if block.strip().startswith("cli →")
    )

    layers = [set(re.split(r"[|:,\s]+", layer.strip())) for layer in told.split("→")]
    assert layers == [set(re.split(r"[|:\s]+", layer)) for layer in contract]


def test_layout_names_every_part_of_the_package():
    layout = blocks(pages()["ARCHITECTURE.md"])
    source = ROOT / "src/wattkeep"
    parts = {f"{path.parent.name}/" for path in source.glob("*/__init__.py")}
    named = {
        word for block in layout for word in re.findall(r"^ {6}([a-z_]+/) ", block, re.MULTILINE)
    }

    assert named == parts


def test_the_unit_starts_a_command_that_is_there():
    line = next(
        line
        for line in UNIT.read_text(encoding="utf-8").splitlines()
        if line.startswith("ExecStart=")
    )

    check_command(shlex.split(line)[1:])


def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / UNIT.name
    # It looks for the program as well, which is installed nowhere here.
    unit.write_text(
        UNIT.read_text(encoding="utf-8").replace("/opt/wattkeep/bin/wattkeep", "/bin/sh")
    )
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no systemd here")

    complaints = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert complaints == []
