"""How much room a year of readings takes and how quickly it answers, side by side.

python benchmarks/history.py [--csv householdpower.csv] [--months 12] [--only sqlite,victoria]
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archives import ARCHIVES, Archive, Question, Room
from household_year import DAY_S, STEP_S, make_readings, read_minutes
from machine import describe_machine, is_memory
from report import history_table, put_into_readme

if TYPE_CHECKING:
    from household_year import Readings

MONTH_DAYS = 31
YEAR_DAYS = 365
POINTS = 500
WARM_UPS = 3
MOST_TIMES = 30
MOST_S = 4.0
FEWEST_TIMES = 3
# What a figure may be above the best of the others, and a year above a month.
ALLOWED_MS = 5.0
ALLOWED_RATIO = 1.3


@dataclass
class Figures:
    """What was measured of one server: milliseconds by question, with a month and with all."""

    name: str
    month_ms: dict[str, float] = field(default_factory=dict)
    year_ms: dict[str, float] = field(default_factory=dict)
    readings: int = 0
    room: Room = field(default_factory=lambda: Room(0))
    # How far the kWh of 30 days are off, of what the counter rose.
    off_kwh: float = 0.0


def questions(now_s: int, days: int) -> list[Question]:
    """Return what is asked, ending now."""
    today_s = now_s // DAY_S * DAY_S
    hour_end_s = -(-now_s // 3600) * 3600
    asked = [
        Question("kWh/hour today", today_s, max(hour_end_s, today_s + 3600), 3600),
        Question("kWh/day 30 d", today_s - 29 * DAY_S, today_s + DAY_S, DAY_S),
        _power("power 30 d", now_s, 30),
    ]
    if days >= YEAR_DAYS:
        first_s = today_s - (YEAR_DAYS - 1) * DAY_S
        asked.insert(2, Question("kWh/day 365 d", first_s, today_s + DAY_S, DAY_S))
        asked.append(_power("power 365 d", now_s, YEAR_DAYS))
    return asked


def _power(name: str, now_s: int, days: int) -> Question:
    step_s = days * DAY_S // POINTS
    return Question(name, now_s - POINTS * step_s, now_s, step_s, is_power=True)


@dataclass
class Bench:
    """One server, filled with a month, asked, filled with the rest, asked again."""

    archive: Archive
    readings: Readings
    now_s: int
    days: int

    def measure(self) -> Figures:
        """Return its figures; whatever happens, nothing of it goes on running."""
        figures = Figures(self.archive.name)
        try:
            self.archive.prepare()
            self.archive.start()
            month_s = self.now_s - MONTH_DAYS * DAY_S
            figures.readings = self._fill(self.readings.between(month_s, self.now_s + 1))
            figures.month_ms = self._ask_all(MONTH_DAYS, figures)
            if self.days > MONTH_DAYS:
                figures.readings += self._fill(self.readings.between(0, month_s))
                figures.year_ms = self._ask_all(self.days, figures)
            figures.room = self.archive.room()
        finally:
            self.archive.stop()
        parts = ", ".join(f"{name} {size:,}" for name, size in figures.room.parts)
        print(f"  {figures.room.total:,} bytes ({parts})", flush=True)
        return figures

    def _fill(self, readings: Readings) -> int:
        begin = time.monotonic()
        self.archive.fill(readings)
        filled = time.monotonic()
        self.archive.settle()
        print(
            f"  {len(readings):,} readings in {filled - begin:.0f} s,"
            f" settled in {time.monotonic() - filled:.0f} s",
            flush=True,
        )
        return len(readings)

    def _ask_all(self, days: int, figures: Figures) -> dict[str, float]:
        found = {}
        for question in questions(self.now_s, days):
            asked = _Asked(self.archive, question)
            found[question.name], best_ms = asked.median_and_best_ms()
            off = ""
            if question.name == "kWh/day 30 d":
                truth = self.readings.used_kwh(question.start_s, question.end_s)
                figures.off_kwh = sum(asked.values) - truth
                off = f"  {figures.off_kwh:+.3f} kWh"
            print(
                f"  {question.name:16}{found[question.name]:9.1f} ms (best {best_ms:.1f})"
                f"  {len(asked.values)} values of {question.steps}{off}",
                flush=True,
            )
        return found


class _Asked:
    """A question put to a server again and again over one kept connection."""

    def __init__(self, archive: Archive, question: Question) -> None:
        host = archive.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=120)
        self._archive = archive
        self._path = archive.path(question)
        self.values = archive.values(json.loads(self._ask()))

    def median_and_best_ms(self) -> tuple[float, float]:
        """Return how long an answer takes, to its last byte; the best tells of a busy machine."""
        for _ in range(WARM_UPS - 1):
            self._ask()
        taken: list[float] = []
        begin = time.monotonic()
        while len(taken) < MOST_TIMES and (
            len(taken) < FEWEST_TIMES or time.monotonic() - begin < MOST_S
        ):
            start = time.perf_counter()
            self._ask()
            taken.append((time.perf_counter() - start) * 1000)
        self._connection.close()
        return statistics.median(taken), min(taken)

    def _ask(self) -> bytes:
        self._connection.request("GET", self._path, headers=self._archive.headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{self._path}: {answer.status} {body[:300]!r}")
        return body


def judge(rows: list[Figures]) -> list[str]:
    """Say where ours is slower than what is allowed: the first row is ours."""
    ours, *others = rows
    words = []
    for name, ms in (ours.year_ms or ours.month_ms).items():
        best = min(((row.year_ms or row.month_ms)[name] for row in others), default=ms)
        if ms > best + ALLOWED_MS:
            words.append(f"{name}: {ms:.1f} ms, the best of the others {best:.1f} ms")
        before = ours.month_ms.get(name)
        if ours.year_ms and before and ms > before * ALLOWED_RATIO:
            words.append(f"{name}: {ms:.1f} ms with all, {before:.1f} ms with a month")
    return words


def main() -> None:
    """Measure, print the table, and with --write put it into the README."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begin = time.monotonic()
    now_s = int(time.time()) // STEP_S * STEP_S
    days = MONTH_DAYS if arguments.months == 1 else round(arguments.months * YEAR_DAYS / 12)
    readings = make_readings(read_minutes(arguments.csv, days), now_s - days * DAY_S, now_s)
    rows: list[Figures] = []
    absent: list[str] = []
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-", dir=arguments.dir) as folder:
        if is_memory(Path(folder)):
            print(f"{folder} is in memory: the disk costs nothing there. Choose one with --dir.")
        machine = describe_machine(Path(folder))
        print(machine)
        for key in arguments.only:
            kind = ARCHIVES[key]
            if why := kind.absence():
                absent.append(f"{kind.name} is left out: {why}.")
                continue
            home = Path(folder) / key
            home.mkdir()
            print(kind.name, flush=True)
            rows.append(Bench(kind(home), readings, now_s, days).measure())
            shutil.rmtree(home)
    text = history_table(rows, [one.name for one in questions(now_s, days)], absent)
    print(f"\n{text}\n\n{time.monotonic() - begin:.0f} s in all")
    if arguments.write:
        source = (
            "the UCI data set's year 2007" if arguments.csv else "the packaged two weeks, repeated"
        )
        head = f"Measured {machine}; {days} days of {source}, a reading every 10 s."
        put_into_readme("history", f"{head}\n\n{text}")
    if rows[0].name == ARCHIVES["sqlite"].name and (slow := judge(rows)):
        sys.exit("Slower than it should be:\n  " + "\n  ".join(slow))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--csv", type=Path, help="the UCI data set; default: the packaged weeks")
    parser.add_argument("--months", type=int, choices=range(1, 13), default=12)
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(ARCHIVES),
        help=f"some of {','.join(ARCHIVES)}",
    )
    parser.add_argument("--dir", help="where the databases are made; default: the temp folder")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(ARCHIVES):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(ARCHIVES)}")
    return arguments


if __name__ == "__main__":
    main()
