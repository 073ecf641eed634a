"""A running Wattkeep with the sample home in it, whose meters go on reporting."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from sample_home import PASSWORD, ZONE
from sample_loads import METERED, Meter, live

from wattkeep.sim.household import load_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Request, Route
    from shown_pages import Shown

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
WIDTHS = {"1280": (1280, 800), "360": (360, 740)}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
EVERY_S = 5.0
# Every canvas that can be seen has something on it.
DRAWN = """
  () => [...document.querySelectorAll("canvas")].every((canvas) =>
    !canvas.checkVisibility() || !canvas.width ||
      canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))
"""
# Two frames later whatever came is painted.
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PATIENCE_MS = 20_000
BRITISH, GERMAN = "en-GB", "de-DE"


class Server:
    """`wattkeep up` on a free port with one data folder."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder.with_suffix(".log").open("w")
        words = ("up", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wattkeep", *words],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if self.address not in line:
            self.stop()
            raise RuntimeError(f"the server did not start: {line!r}; {self._log.name} says why")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate(timeout=30)
        self._log.close()


class Showroom:
    """Two servers: one with the sample home, and one that nobody has an account at."""

    def __init__(
        self,
        folder: Path,
        browser: Browser,
        *,
        days: int = 62,
        step_minutes: int = 1,
        scale: int = 1,
    ) -> None:
        words = (str(HERE / "sample_home.py"), str(folder / "home"), str(days), str(step_minutes))
        done = subprocess.run(
            [sys.executable, *words],
            env=environment(),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        made: dict[str, Any] = json.loads(done.stdout)
        self._keys, self._last_seen = made.pop("keys"), made.pop("last_seen")
        self._errors: dict[str, str] = made.pop("errors")
        self._devices: dict[str, int] = made.pop("devices")
        self._names = {**made, **self._devices}
        self._browser = browser
        self._scale = scale
        self._logins: dict[str, Any] = {}
        self._contexts: dict[tuple[str, str, str], BrowserContext] = {}
        self._over = threading.Event()
        self._home, self._empty = Server(folder / "home"), Server(folder / "empty")
        self._meters = threading.Thread(target=self._report, daemon=True)
        self._meters.start()

    def address(self, shown: Shown) -> str:
        """Return a page's whole address."""
        server = self._empty if shown.first else self._home
        return server.address + shown.path.format_map(self._names)

    @contextmanager
    def visit(
        self, shown: Shown, width: str, theme: Theme, language: str = BRITISH
    ) -> Iterator[Page]:
        """Open a page's empty tab, logged in as who sees it; `show` then goes there."""
        who = (shown.user, width, language)
        if who not in self._contexts:
            self._contexts[who] = self._context(width, self._login(shown.user), language)
        page = self._contexts[who].new_page()
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        yield page
        page.close()

    def show(self, shown: Shown, page: Page, *, in_a_hurry: bool = False) -> None:
        """Go to a page and wait until it has all it shows.

        In a hurry that is when nothing is on its way to it, else when nothing was for a while.
        """
        asked: set[Request] = set()
        page.on("request", lambda one: asked.add(one))  # noqa: PLW0108 - it marks what it is given
        for ended in ("requestfinished", "requestfailed"):
            page.on(ended, lambda one: asked.discard(one))  # type: ignore[call-overload]  # noqa: PLW0108

        def settle() -> None:
            if not in_a_hurry:
                page.wait_for_load_state("networkidle")
            for _ in range(PATIENCE_MS // 20):
                page.evaluate(PAINTED)
                if not asked:
                    return
                page.wait_for_timeout(20)
            raise AssertionError(f"{shown.name}: still asks for {[one.url for one in asked]}")

        if shown.paper:
            page.emulate_media(media="print")
        answer = page.goto(self.address(shown))
        if answer is None or answer.status != shown.expected:
            raise AssertionError(f"{shown.name}: {answer and answer.status} {page.url}")
        if shown.ready:
            page.locator(f"{shown.ready} >> visible=true").first.wait_for(timeout=PATIENCE_MS)
        settle()
        if shown.act:
            shown.act(page)
            settle()
        page.wait_for_function(DRAWN)

    def cookies(self, user: str) -> Any:
        """Return what a browser keeps of somebody who is logged in."""
        return self._login(user)["cookies"]

    def close(self) -> None:
        """End the meters and the servers."""
        for context in self._contexts.values():
            context.close()
        self._over.set()
        self._meters.join()
        self._home.stop()
        self._empty.stop()

    def _context(self, width: str, login: Any = None, language: str = BRITISH) -> BrowserContext:
        wide, high = WIDTHS[width]
        context = self._browser.new_context(
            viewport={"width": wide, "height": high},
            has_touch=width == "360",
            is_mobile=width == "360",
            device_scale_factor=self._scale,
            locale=language,
            timezone_id=ZONE,
            storage_state=login,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.route(re.compile(r"/errors/\d+/$"), self._fail)
        return context

    def _fail(self, route: Route) -> None:
        """Answer with a page that the server only shows when something is broken."""
        code = route.request.url.rstrip("/").rpartition("/")[2]
        route.fulfill(status=int(code), content_type="text/html", body=self._errors[code])

    def _login(self, user: str) -> Any:
        """Return the cookies of somebody who is logged in; None for nobody."""
        if not user:
            return None
        if user not in self._logins:
            context = self._context("1280")
            page = context.new_page()
            page.goto(f"{self._home.address}/login/")
            page.locator("#id_username").fill(user)
            page.locator("#id_password").fill(PASSWORD)
            page.locator("main button[type=submit], main form button").last.click()
            page.wait_for_url(lambda url: "/login/" not in url)
            self._logins[user] = context.storage_state()
            context.close()
        return self._logins[user]

    def _report(self) -> None:
        """Post what each meter shows, every few seconds, until it is over."""
        zone = ZoneInfo(ZONE)
        meters = {}
        for metered in METERED:
            if self._keys[metered.name]:
                last_seen = self._last_seen[metered.name]
                meters[metered.name] = Meter(metered, zone, time.time(), last_seen)
        samples = live(load_sample(), zone)
        while True:
            sample = next(samples)
            for name, meter in meters.items():
                values = meter.read(sample, 0)._asdict()
                del values["device_id"], values["timestamp_ms"]
                post(self._home.address, self._keys[name], values)
            if self._over.wait(EVERY_S):
                return


def environment() -> dict[str, str]:
    """Return what our own commands run with."""
    path = os.pathsep.join([str(SOURCE), str(HERE)])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "WATTKEEP_TIME_ZONE": ZONE,
        # Its pages are there where mail and invitations are; nobody listens at that address.
        "WATTKEEP_EMAIL_URL": "smtp://127.0.0.1:9/?from=home@example.org",
        "WATTKEEP_REGISTRATION": "invitation",
    }


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def post(address: str, key: str, values: dict[str, float]) -> None:
    """Send one reading, as a board does."""
    request = urllib.request.Request(
        f"{address}/api/energy-data/",
        data=json.dumps(values).encode(),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()
