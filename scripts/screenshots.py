"""Makes docs/images/*.png from a demo of its own: `make screenshots`.

Times are in the demo's zone, so set WATTKEEP_TIME_ZONE for one where it is afternoon now: then
today's bars are filled.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTHS = {"1280": (1280, 800), "360": (360, 740)}
THEMES = ("light", "dark")
READY = re.compile(r"running at (\S+)  user (\S+)  password (\S+)")
HEAT_PUMP = {
    "voltage": 231.4,
    "current": 22.91,
    "power": 5236.0,
    "energy": 884.2,
    "frequency": 50.0,
    "power_factor": 0.99,
}


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def demo(data_dir: Path) -> Iterator[tuple[str, str, str]]:
    """Run a demo; yield its address, user and password."""
    command = [sys.executable, "-m", "wattkeep", "demo", "--port", str(free_port())]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    try:
        match = next(filter(None, map(READY.search, process.stdout)), None)
        if match is None:
            sys.exit("screenshots: the demo did not start; its words are above.")
        yield match[1], match[2], match[3]
    finally:
        process.terminate()
        process.wait(30)


def add_device(data_dir: Path, name: str) -> str:
    """Add a device by the command line; return its key."""
    command = [sys.executable, "-m", "wattkeep", "device", "add", name, "--user", "demo"]
    done = subprocess.run(
        [*command, "--data-dir", str(data_dir)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def post(address: str, key: str, reading: dict[str, float]) -> None:
    """Send one reading."""
    request = urllib.request.Request(
        f"{address}/api/energy-data/",
        data=json.dumps(reading).encode(),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def log_in(page: Page, address: str, user: str, password: str) -> None:
    """Log in; the page ends on the overview."""
    page.goto(f"{address}/login/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


@contextmanager
def open_page(browser: Browser, width: str, theme: str) -> Iterator[Page]:
    """Open a page of one width and theme, with nothing moving on it."""
    wide, high = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": wide, "height": high},
        device_scale_factor=2,
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()


def keep(page: Page, name: str, look: str) -> None:
    """Write what the page shows, in few colours: a tenth of the size."""
    page.wait_for_load_state("networkidle")
    picture = Image.open(BytesIO(page.screenshot(full_page=True)))
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
        IMAGES / f"{name}-{look}.png", optimize=True
    )


def shoot_daily(page: Page, address: str, login: tuple[str, str], look: str) -> None:
    """Take the pages people come back to."""
    page.goto(f"{address}/login/")
    keep(page, "login", look)
    log_in(page, address, *login)
    page.wait_for_selector('.state[data-status="online"]', timeout=60_000)
    keep(page, "overview", look)
    page.get_by_role("link", name="House", exact=True).click()
    page.wait_for_selector('[data-state][data-status="online"]', timeout=60_000)
    keep(page, "dashboard", look)
    page.goto(f"{address}/devices/")
    keep(page, "devices", look)
    page.get_by_role("link", name="Heat pump", exact=True).click()
    keep(page, "alert", look)


def shoot_adding(page: Page, address: str, login: tuple[str, str], look: str) -> None:
    """Take what somebody sees who adds a device."""
    log_in(page, address, *login)
    page.goto(f"{address}/devices/add/")
    keep(page, "device-add", look)
    page.get_by_label("Name").fill("Washing machine")
    page.get_by_role("button", name="Add device").click()
    page.wait_for_url("**/key/")
    keep(page, "device-key", look)
    page.get_by_role("link", name="show the device").click()
    keep(page, "never", look)


def main() -> None:
    """Make every image, or those of the widths and themes asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", choices=WIDTHS, action="append")
    parser.add_argument("--theme", choices=THEMES, action="append")
    options = parser.parse_args()
    chromium = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if chromium is None:
        sys.exit("screenshots: there is no Chromium on PATH.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WATTKEEP_TIME_ZONE", "Europe/Paris")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data_dir = Path(folder) / "data"
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with demo(data_dir) as (address, user, password):
            key = add_device(data_dir, "Heat pump")
            looks = [(w, t) for w in options.width or WIDTHS for t in options.theme or THEMES]
            for width, theme in looks:
                post(address, key, HEAT_PUMP)
                with open_page(browser, width, theme) as page:
                    shoot_daily(page, address, (user, password), f"{width}-{theme}")
            for width, theme in looks:
                with open_page(browser, width, theme) as page:
                    shoot_adding(page, address, (user, password), f"{width}-{theme}")
        browser.close()


if __name__ == "__main__":
    main()
