"""The Dockerfile: what it copies is there, and what it runs is what the project can do.

No container engine runs here. Its steps were run by hand in folders of their own; what a change
could break without anybody noticing is held here.
"""

import json
import re
import shlex

import pytest

from deploy.fronting import DEPLOY
from docs.test_words import check_command

ROOT = DEPLOY.parent


@pytest.fixture(scope="module")
def steps():
    """Return (stage, instruction, words after it) of each step."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found, stage = [], -1
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            stage += instruction == "FROM"
            found.append((stage, instruction, rest.strip()))
    return found


def of(steps, instruction, stage=None):
    return [rest for at, name, rest in steps if name == instruction and stage in {None, at}]


def test_stages_have_one_pinned_base(steps):
    bases = {rest.split()[0] for rest in of(steps, "FROM")}

    assert len(of(steps, "FROM")) == 2
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", bases.pop())


def test_what_is_copied_is_there_and_not_held_back(steps):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}

    copied = {source for rest in of(steps, "COPY", stage=0) for source in shlex.split(rest)[:-1]}

    assert "*" in ignored
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_what_is_installed_is_pinned_and_ready_made(steps):
    installs = [rest for rest in of(steps, "RUN") if "pip install" in rest]

    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
        for name in re.findall(r"-r (\S+)", install):
            assert (ROOT / name).is_file()
    assert any("--only-binary=:all: -r requirements/run.txt" in install for install in installs)
    assert not re.search(r"apt-get|gcc|build-essential", "".join(of(steps, "RUN")))


def test_last_stage_holds_only_what_was_installed(steps):
    assert of(steps, "COPY", stage=1) == ["--from=build /opt/wattkeep /opt/wattkeep"]
    user = of(steps, "USER", stage=1)
    assert user == ["10001:10001"]
    assert f"--uid {user[0].split(':')[0]} " in of(steps, "RUN", stage=1)[0]


def test_what_it_starts_exists(steps):
    words = json.loads(of(steps, "ENTRYPOINT")[0]) + json.loads(of(steps, "CMD")[0])

    assert words[0] == "wattkeep"
    check_command(words[1:])
    read = "".join(
        (ROOT / "src/wattkeep" / one).read_text() for one in ("settings.py", "places.py")
    )
    for name in re.findall(r"WATTKEEP_[A-Z_]+", " ".join(of(steps, "ENV"))):
        assert f'"{name}"' in read
