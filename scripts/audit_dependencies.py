"""Asks the public lists of known holes about each pinned dependency; says plainly if it cannot.

Uses pip-audit where it is installed, on PATH or in this environment. It needs a network, so it is
no part of `make lint`: a hole that was found today must not turn yesterday's commit red.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ("requirements/run.txt", "requirements/build.txt", "requirements/dev.txt")
WITHIN_S = 300
NOT_CHECKED = 3


def main() -> int:
    """Return 0 if no hole is known, 1 if one is, 3 if nobody could be asked."""
    command = auditor()
    if command is None:
        print("NOT CHECKED: pip-audit is not installed (pip install pip-audit).")
        return NOT_CHECKED
    worst = 0
    for name in FILES:
        holes, problem = audit(command, name)
        if problem:
            print(f"NOT CHECKED: {name}: {problem}")
            worst = worst or NOT_CHECKED
        for hole in holes:
            print(f"{name}: {hole}")
            worst = 1
    if not worst:
        print(f"No hole is known in {', '.join(FILES)}.")
    return worst


def auditor() -> list[str] | None:
    """Return how pip-audit is called here."""
    if found := shutil.which("pip-audit"):
        return [found]
    is_here = importlib.util.find_spec("pip_audit") is not None
    return [sys.executable, "-m", "pip_audit"] if is_here else None


def audit(command: list[str], name: str) -> tuple[list[str], str]:
    """Return the holes in one file of pins, and why it could not be checked, if so."""
    words = [*command, "--requirement", str(ROOT / name), "--disable-pip", "--require-hashes"]
    try:
        done = subprocess.run(
            [*words, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        found = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return [], "the network is too slow, or not there"
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        return [], lines[-1][:300]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in"
        f" {', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in found
        for hole in one.get("vulns", ())
    ]
    return holes, ""


if __name__ == "__main__":
    sys.exit(main())
