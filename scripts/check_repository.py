"""Checks what the repository must not hold: registry addresses and other people's source."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTRIES = re.compile(
    r"https?://[^\s/]*(npmjs|pypi|pythonhosted|yarnpkg|registry)", re.IGNORECASE
)
MOST_BYTES = 1_000_000


def main() -> int:
    """Print each finding; return 1 if there is one."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    findings = [finding for name in names if name for finding in inspect(name)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def inspect(name: str) -> list[str]:
    """Return what is wrong with one file."""
    path = ROOT / name
    if not path.is_file() or path == Path(__file__).resolve():
        return []
    content = path.read_bytes()
    findings = []
    if len(content) > MOST_BYTES:
        findings.append(f"{name}: {len(content):,} bytes; too large for the repository")
    if REGISTRIES.search(content.decode("utf-8", "replace")):
        findings.append(f"{name}: names a package registry's host")
    if re.search(r"(^|/)(node_modules|vendor|third_party)/", name) or name.endswith(".min.js"):
        findings.append(f"{name}: other people's source belongs into package.json")
    return findings


if __name__ == "__main__":
    sys.exit(main())
