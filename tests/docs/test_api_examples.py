"""Every example of docs/api.md, run by a shell against a real server: the page cannot drift."""

import json
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from running import PASSWORD, READING, Running

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(
    r"(?:^<!-- at a server that (?P<server>[^>]+) -->\n)?"
    r"^```sh\n(?P<command>.*?)^```\n```http\n(?P<answer>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)
# What differs from one run to the next; its form must be the same all the same.
VOLATILE = {
    "reading_id", "timestamp", "created_at", "last_seen", "start", "hour", "site_date", "date",
    "day", "key_prefix", "api_key", "consumption", "today_consumption", "measured", "estimated",
    "corrected", "untracked", "end", "undone_at", "token", "token_prefix", "expires_at",
}  # fmt: skip
# What is there once the ledger has run, which it does not here.
UNSETTLED = {"slot", "made_up_to", "will_be_made_again"}

ONE_MORE = (
    'curl "$WATTKEEP/api/energy-data/" -H "X-API-Key: $KEY" -H "Content-Type: application/json" '
    f"-d '{json.dumps(READING)}'"
)


@dataclass(frozen=True)
class Example:
    """A command, where it is run, and the answer that stands under it."""

    command: str
    server: str
    answer: str


def examples():
    return [
        Example(found["command"], found["server"] or "works", found["answer"])
        for found in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8"))
    ]


def form(value: Any, name: str = "") -> Any:
    """Return a body with every volatile value replaced by what it looks like."""
    if name in UNSETTLED:
        return "what there is by then"
    if isinstance(value, dict):
        return {key: form(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        # There are as many hours as the day is old.
        shown = value[:1] if name == "hourly_consumption" else value
        return [form(inner) for inner in shown]
    if name in VOLATILE and isinstance(value, str):
        return re.sub(r"[a-z0-9]", "x", value.lower())
    if name in VOLATILE and value is not None:
        return "a number"
    return value


def read_shown(answer):
    """Return status and body as the page shows them."""
    status, _, body = answer.partition("\n")
    is_json = body.startswith(("{", "["))
    return int(status), json.loads(body) if is_json else body or None


def read_real(output):
    """Return status and body of the last answer that `curl -i` printed."""
    last = re.split(r"(?=HTTP/1\.1 \d{3})", output.replace("\r\n", "\n"))[-1]
    head, _, body = last.partition("\n\n")
    is_json = "content-type: application/json" in head.lower()
    shown = json.loads(body) if is_json and body else None
    return int(head.split()[1]), body if "content-type: text/csv" in head.lower() else shown


class Reader:
    """Somebody who pastes the examples into one shell after the other, in one folder."""

    def __init__(self, folder, url, key):
        self._folder = folder
        self._settings = {"WATTKEEP": url, "KEY": key, "PASSWORD": PASSWORD}
        self._token = "TOKEN=$(awk '$6 == \"csrftoken\" {print $7}' cookies 2>/dev/null)\n"

    def paste(self, command):
        if "-b cookies" in command:  # the page's board goes on posting
            self._shell(ONE_MORE)
        return read_real(self._shell(command))

    def _shell(self, command):
        silent = re.sub(r"\bcurl\b", "curl -sS", command)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._token + silent],
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", **self._settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout


def start(folder, **settings):
    running = Running(folder / "data", **settings)
    running.add_user("ada")
    return running, running.add_device("House")[1]


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Return a reader at each kind of server that the page speaks of."""
    folders = {name: tmp_path_factory.mktemp("docs") for name in ("works", "strict", "broken")}
    for folder in folders.values():
        (folder / "data").mkdir()
        (folder / "cookies").touch()
    # Figures do not depend on when the ledger runs; what is stored of them by then would.
    works, key = start(folders["works"], WATTKEEP_TICKER="0")
    works.add_device("Garage")
    strict, strict_key = start(
        folders["strict"], WATTKEEP_DEVICE_RATE_BURST="1", WATTKEEP_DEVICE_RATE_PER_S="0.001"
    )
    with works, strict:
        yield {
            "works": Reader(folders["works"], works.url, key),
            "is strict": Reader(folders["strict"], strict.url, strict_key),
            "cannot store": _without_a_table(strict, folders["broken"]),
        }


def _without_a_table(running, folder):
    """Return a reader at a server whose readings have nowhere to go."""
    reader = Reader(folder, running.url, running.add_device("Shed")[1])
    paste = reader.paste

    def paste_without(command):
        with sqlite3.connect(running.data_dir / "wattkeep.sqlite3") as db:
            db.execute("ALTER TABLE monitoring_energyreading RENAME TO away")
        db.close()
        return paste(command)

    reader.paste = paste_without
    return reader


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="no curl or no bash here"
)
def test_every_example_gets_the_answer_that_stands_under_it(readers):
    """In the page's order, because later ones build on earlier ones."""
    different = []
    for example in examples():
        shown, real = read_shown(example.answer), readers[example.server].paste(example.command)
        if (shown[0], form(shown[1])) != (real[0], form(real[1])):
            different.append(f"{example.command}shown: {shown}\nreal:  {real}\n")

    assert different == [], "\n".join(different)


def test_page_has_an_example_of_every_answer_there_is():
    found = examples()
    posts = [e for e in found if "/api/energy-data/" in e.command]

    assert {read_shown(e.answer)[0] for e in posts} == {201, 400, 401, 405, 413, 415, 429, 503}
    blocks = PAGE.read_text(encoding="utf-8").count("```sh\n")
    assert len(found) == blocks, "an example without its answer is not tested"


def test_page_speaks_of_every_address(nobody):
    from django.urls import get_resolver

    api = next(one for one in get_resolver().url_patterns if str(one.pattern) == "api/")
    addresses = [re.sub(r"<\w+:\w+>", r"\\d+", f"/api/{one.pattern}") for one in api.url_patterns]
    page = PAGE.read_text(encoding="utf-8")

    assert [address for address in addresses if not re.search(address, page)] == []
