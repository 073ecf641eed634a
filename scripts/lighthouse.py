"""Asks Lighthouse about the live page: `make lighthouse`; ends with 1 below 95 of 100 anywhere.

It is installed beside this script, from its own lock file: nothing else needs it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from screenshots import chromium
from shown_pages import OWNER, PAGES
from showroom import Showroom, free_port

HOME = Path(__file__).resolve().parent / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95
# Lighthouse calls less than this not good.
GOOD = 0.9
DAYS, STEP_MINUTES = 9, 10


def main() -> None:
    """Ask, as a phone and as a desk sees it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", default="device", choices=[one.name for one in PAGES])
    parser.add_argument("--runs", type=int, default=3, help="the middle one of so many counts")
    options = parser.parse_args()
    if not (HOME / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HOME, check=True)
    shown = next(one for one in PAGES if one.name == options.page)
    is_good = True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        showroom = Showroom(Path(folder), browser, days=DAYS, step_minutes=STEP_MINUTES)
        port = free_port()
        # Asked in a browser that is logged in: a header would not reach the WebSocket.
        asked = playwright.chromium.launch_persistent_context(
            Path(folder) / "browser",
            executable_path=chromium(),
            args=["--no-sandbox", f"--remote-debugging-port={port}"],
        )
        try:
            asked.add_cookies(showroom.cookies(OWNER))
            for form in ("mobile", "desktop"):
                reports = [ask(showroom.address(shown), port, form) for _ in range(options.runs)]
                reports.sort(key=lambda report: report["categories"]["performance"]["score"])
                is_good &= tell(form, reports[len(reports) // 2])
        finally:
            asked.close()
            showroom.close()
        browser.close()
    sys.exit(0 if is_good else 1)


def ask(address: str, port: int, form: str) -> dict[str, Any]:
    """Return Lighthouse's report on a page, as the browser at a port shows it."""
    command = [
        *("node", "node_modules/lighthouse/cli/index.js", address),
        *("--quiet", "--output=json", f"--only-categories={','.join(CATEGORIES)}"),
        # Storage stays, or it would log itself out.
        *(f"--port={port}", "--disable-storage-reset"),
    ]
    done = subprocess.run(
        [*command, *(["--preset=desktop"] if form == "desktop" else [])],
        cwd=HOME,
        stdout=subprocess.PIPE,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def tell(form: str, report: dict[str, Any]) -> bool:
    """Print a report's figures and what is wrong; tell whether they are good enough."""
    scores = {one: round(100 * report["categories"][one]["score"]) for one in CATEGORIES}
    print(f"{form:8}", "  ".join(f"{name} {score}" for name, score in scores.items()))
    for name in CATEGORIES:
        for reference in report["categories"][name]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < GOOD:
                print(f"    {name}: {audit['title']} {audit.get('displayValue', '')}")
    return all(score >= LEAST for score in scores.values())


if __name__ == "__main__":
    main()
