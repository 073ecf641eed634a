"""How long from a POST to the changed digit in a browser, while many others watch as well.

python benchmarks/live.py [--seconds 60] [--viewers 50] [--rate 100] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import websockets
from contestants import HERE, OursOnSqlite
from machine import describe_machine
from playwright.async_api import async_playwright
from report import put_into_readme

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

DEVICES = 200
LANES = 10
PASSWORD = "a password nobody uses"
WANTED_P95_MS = 150
# What each device's power begins at, in tenths of a watt; each of its posts adds one.
FIRST_DW = 1000
GATHERED_FROM = 10
# Every so many posts one is the first device's: at 100/s little more than a second apart, as a
# page is told of a device once a second.
FIRST_DEVICE_EVERY = 105
SETTLE_S = 3.0
READING = {"voltage": 230.1, "current": 2.1, "energy": 1.0, "frequency": 50.0, "power_factor": 0.9}
# Writes down when which device's digits changed to what.
OBSERVE = """watched => {
    window.seen = [];
    const see = ({ target }) => {
        const digits = (target.closest ? target : target.parentElement)?.closest(watched);
        if (!digits) return;
        const device = Number(digits.closest("[data-device]").dataset.device);
        window.seen.push([device, digits.textContent, Date.now()]);
    };
    const observer = new MutationObserver((changes) => changes.forEach(see));
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


class Watched(OursOnSqlite):
    """`wattkeep up` with as many devices of one account as one page can watch."""

    ids: range

    def prepare(self) -> None:
        done = subprocess.run(
            [sys.executable, str(HERE / "seed.py"), "ours", str(DEVICES)],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.devices = done.stdout.split()
        self.ids = range(1, DEVICES + 1)


@dataclass(frozen=True)
class Scene:
    """Who looks at what: the browser at a page, the others each at some devices."""

    name: str
    path: str
    digits: str
    watched: int


SCENES = (
    Scene(
        "a device's page; the others each watch one device", "/devices/1/", "[data-tile=power]", 1
    ),
    Scene("the overview; the others each watch all devices", "/", "[data-power]", DEVICES),
)


@dataclass(frozen=True)
class Outcome:
    """What one scene showed."""

    name: str
    posts_per_s: float
    messages_per_s: float
    changes: int
    taken_ms: list[float]

    def percentile(self, of_100: int) -> float:
        return statistics.quantiles(self.taken_ms, n=100)[of_100 - 1]


class Posts:
    """Posts readings steadily, each device's power a little higher every time."""

    def __init__(self, server: Watched, per_s: float) -> None:
        self._server = server
        self._per_s = per_s
        # (device, digits) → epoch milliseconds of the post's first byte.
        self.sent_ms: dict[tuple[int, str], float] = {}
        self.count = 0
        self.turn = 0
        self._powers_dw = [FIRST_DW] * DEVICES

    async def run(self, seconds: float) -> None:
        begin, first = time.monotonic(), self.turn
        self.turn += round(self._per_s * seconds)
        lanes = (self._lane(begin, first, number) for number in range(LANES))
        await asyncio.gather(*lanes)

    async def _lane(self, begin: float, first: int, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        for turn in range(first + number, self.turn, LANES):
            await asyncio.sleep(begin + (turn - first) / self._per_s - time.monotonic())
            device = turn % (DEVICES - 1) + 1 if turn % FIRST_DEVICE_EVERY else 0
            self._powers_dw[device] += 1
            power = self._powers_dw[device] / 10
            self.sent_ms[self._server.ids[device], f"{power:.1f}"] = time.time() * 1000
            writer.write(self._request(device, power))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0]
            await reader.readexactly(int(length))
            self.count += head.split()[1] == "201"
        writer.close()

    def _request(self, device: int, power: float) -> bytes:
        body = json.dumps({**READING, "power": power})
        return (
            f"POST /api/energy-data/ HTTP/1.1\r\nHost: 127.0.0.1:{self._server.port}\r\n"
            f"Content-Type: application/json\r\nX-API-Key: {self._server.devices[device]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


async def watch(server: Watched, cookie: str, first: int, watched: int, seen: list[int]) -> None:
    """Be another open page: take what comes, and count the readings."""
    ids = [server.ids[(first + number) % DEVICES] for number in range(watched)]
    query = "&".join(f"device={device_id}" for device_id in ids)
    if len(ids) > GATHERED_FROM:  # as our pages do
        query += "&together=1"
    url = f"ws://127.0.0.1:{server.port}/ws/live/?{query}"
    async with websockets.connect(url, additional_headers={"Cookie": cookie}) as socket:
        async for message in socket:
            seen[0] += message.count('"type": "reading"')


async def log_in(browser: Browser, server: Watched) -> tuple[BrowserContext, str]:
    """Return a browser's context that is logged in, and its cookies for others."""
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    await page.goto("/login/")
    await page.get_by_label("Username").fill("bench")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(lambda url: "/login" not in url)
    await page.close()
    cookies: list[Any] = await context.cookies()
    return context, "; ".join(f"{one['name']}={one['value']}" for one in cookies)


async def measure(
    server: Watched, browser: Browser, scene: Scene, posts: Posts, options: argparse.Namespace
) -> Outcome:
    """Open the page and the other viewers, post for a while, and compare the two clocks."""
    context, cookie = await log_in(browser, server)
    seen = [0]
    others = [
        asyncio.create_task(watch(server, cookie, number, scene.watched, seen))
        for number in range(options.viewers - 1)
    ]
    page = await context.new_page()
    await page.goto(scene.path)
    await posts.run(SETTLE_S)
    await page.evaluate(OBSERVE, scene.digits)
    posts.sent_ms.clear()
    posts.count = seen[0] = 0
    await posts.run(options.seconds)
    await asyncio.sleep(SETTLE_S)
    changes = await page.evaluate("window.seen")
    for one in others:
        one.cancel()
    ended = await asyncio.gather(*others, return_exceptions=True)
    failed = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    if failed:
        sys.exit(f"live: {len(failed)} viewers were cut off: {failed[0]!r}")
    await context.close()
    taken = [
        at_ms - sent_ms
        for device, text, at_ms in changes
        if (sent_ms := posts.sent_ms.get((device, text))) is not None
    ]
    rates = posts.count / options.seconds, seen[0] / options.seconds
    return Outcome(scene.name, *rates, len(taken), taken)


async def run(options: argparse.Namespace, server: Watched) -> list[Outcome]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    posts = Posts(server, options.rate)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        return [await measure(server, browser, scene, posts, options) for scene in SCENES]


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as Markdown."""
    lines = [
        "| the browser shows | posts/s | readings/s to others | changes | p50 ms | p95 ms | most |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.name} | {one.posts_per_s:.0f} | {one.messages_per_s:,.0f} | {one.changes:,} "
        f"| {one.percentile(50):.0f} | {one.percentile(95):.0f} | {max(one.taken_ms):.0f} |"
        for one in outcomes
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and with --write put it into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long each scene lasts")
    parser.add_argument(
        "--viewers", type=int, default=50, help="open pages, the browser's included"
    )
    parser.add_argument("--rate", type=float, default=100, help="readings a second")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        machine = describe_machine(Path(folder))
        server = Watched(Path(folder))
        server.prepare()
        server.start()
        try:
            outcomes = asyncio.run(run(options, server))
        finally:
            server.stop()
    text = f"Measured {machine}.\n\n{table(outcomes)}"
    print(text)
    if options.write:
        put_into_readme("live", text)
    if any(one.percentile(95) > WANTED_P95_MS for one in outcomes):
        sys.exit(f"live: p95 is above {WANTED_P95_MS} ms")


if __name__ == "__main__":
    main()
