"""`make audit` says what pip-audit found, and plainly if it could not look."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/audit_dependencies.py"
GOOD = {"name": "django", "version": "5.2", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "3.0",
    "vulns": [
        {"id": "PYSEC-2026-1", "fix_versions": ["3.1", "3.0.9"]},
        {"id": "PYSEC-2026-2", "fix_versions": []},
    ],
}
FAKE = """#!{python}
import json, sys
words = sys.argv[1:]
name = words[words.index("--requirement") + 1]
assert "--require-hashes" in words and open(name).read()
answers = json.loads({answers!r})
answer = next(one for end, one in answers.items() if name.endswith(end))
sys.stderr.write(answer.get("says", ""))
sys.stdout.write(answer.get("writes", ""))
sys.exit(answer.get("status", 0))
"""


@pytest.fixture
def audit(tmp_path):
    """Return a function that runs the script with a pip-audit that answers so for each file."""

    def run(answers):
        if answers is not None:
            fake = tmp_path / "pip-audit"
            fake.write_text(FAKE.format(python=sys.executable, answers=json.dumps(answers)))
            fake.chmod(0o755)
        # -S: none that is installed beside these tests is seen.
        words = [sys.executable, "-S", str(SCRIPT)]
        environment = {"PATH": str(tmp_path)}
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def found(*packages):
    return {"writes": json.dumps({"dependencies": packages, "fixes": []})}


def test_nothing_found_is_said(audit):
    status, lines = audit({"": found(GOOD)})

    assert (status, lines) == (
        0,
        ["No hole is known in requirements/run.txt, requirements/build.txt, requirements/dev.txt."],
    )


def test_each_hole_is_named_with_what_mends_it(audit):
    status, lines = audit({"run.txt": found(GOOD, BAD) | {"status": 1}, "": found(GOOD)})

    assert (status, lines) == (
        1,
        [
            "requirements/run.txt: jinja2 3.0: PYSEC-2026-1, mended in 3.1, 3.0.9",
            "requirements/run.txt: jinja2 3.0: PYSEC-2026-2, mended in no version yet",
        ],
    )


def test_without_pip_audit_nothing_is_checked_and_that_is_said(audit):
    status, lines = audit(None)

    assert status == 3
    assert lines == ["NOT CHECKED: pip-audit is not installed (pip install pip-audit)."]


def test_without_a_network_nothing_is_checked_and_that_is_said(audit):
    error = "Traceback ...\nrequests.exceptions.ConnectionError: no route to host\n"
    status, lines = audit({"": {"says": error, "status": 1}})

    assert status == 3
    assert lines == [
        f"NOT CHECKED: requirements/{name}.txt: requests.exceptions.ConnectionError: no route to"
        " host"
        for name in ("run", "build", "dev")
    ]


def test_a_hole_weighs_more_than_a_file_that_could_not_be_checked(audit):
    status, lines = audit(
        {"build.txt": found(BAD) | {"status": 1}, "": {"says": "offline", "status": 1}}
    )

    assert status == 1
    assert [line[:11] for line in lines] == ["NOT CHECKED", *["requirement"] * 2, "NOT CHECKED"]


def test_what_says_nothing_is_no_all_clear(audit):
    status, lines = audit({"": {"status": 0}})

    assert (status, lines[0]) == (3, "NOT CHECKED: requirements/run.txt: it said nothing")
