"""The guide's commands: they exist, and are those that the image is made with."""

import re

from deploy.fronting import DEPLOY
from docs.pages import blocks
from docs.test_words import check_command

ROOT = DEPLOY.parent
GUIDE = (ROOT / "docs/install-raspberry-pi.md").read_text(encoding="utf-8")


def lines():
    return [line.strip() for block in blocks(GUIDE) for line in block.splitlines() if line.strip()]


def installs(text):
    """Return what pip is asked for, whatever folders it is installed into."""
    found = re.findall(r"pip ((?:install|wheel) .*)", text)
    return [re.sub(r"(--wheel-dir|--find-links) \S+", r"\1 WHEELS", words) for words in found]


def test_it_installs_as_the_image_does():
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    assert installs("\n".join(lines())) == installs(image)


def test_commands_exist():
    called = [
        words.split()
        for line in lines()
        for words in re.findall(r"/opt/wattkeep/bin/wattkeep (.*)", line)
    ]

    assert ["backup", "/mnt/backup/wattkeep", "--data-dir", "/var/lib/wattkeep"] in called
    for words in called:
        check_command(words)


def test_files_are_there():
    copied = re.findall(r"sudo cp (\S+) ", "\n".join(lines()))

    assert copied
    assert all((ROOT / name).is_file() for name in copied)


def test_what_it_tells_to_look_for_is_said():
    source = (ROOT / "src/wattkeep/cli/up.py").read_text(encoding="utf-8")
    [searched] = re.findall(r'grep -A1 "([^"]+)"', GUIDE)

    assert searched in source
