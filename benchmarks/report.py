"""The measured figures as a Markdown table, and its place in the README."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contestants import InfluxDb, Literal

if TYPE_CHECKING:
    from loads import Result

    from history import Figures

README = Path(__file__).with_name("README.md")
NONE = "–"


@dataclass(frozen=True)
class Run:
    """One load on one server; `is_exact`: what is stored fits what was acknowledged."""

    result: Result
    stored: int
    is_exact: bool
    cpu_us: float


@dataclass
class Row:
    """Everything measured of one server; None where it could not be."""

    name: str
    runs: dict[str, Run] = field(default_factory=dict)
    fsyncs: float | None = None
    cpu_s: float | None = None
    memory_mib: float | None = None


def table(rows: list[Row], loads: list[str], absent: list[str]) -> str:
    """Return a table for each load and one for what does not depend on it."""
    parts = []
    for load in loads:
        runs = {row.name: row.runs[load] for row in rows if load in row.runs}
        if runs:
            parts.append(_load_table(load, runs))
    lines = [
        "### At rest and in between",
        "",
        "| | fsyncs / 1,000 readings (64 connections) | CPU-s / 1,000 at 100/s | memory, MiB |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.name} | {_number(row.fsyncs, 1)} | {_number(row.cpu_s, 2)}"
        f" | {_number(row.memory_mib, 0)} |"
        for row in rows
    ]
    parts.append("\n".join(lines))
    parts += absent
    return "\n\n".join(parts)


def _load_table(load: str, runs: dict[str, Run]) -> str:
    lines = [
        f"### {load[0].upper()}{load[1:]}",
        "",
        "| | readings/s | × literal | × InfluxDB | p50 ms | p99 ms | CPU µs | errors | as told |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, run in runs.items():
        rate = run.result.readings_per_s
        lines.append(
            f"| {name} | {rate:,.0f} | {_ratio(rate, runs.get(Literal.name))}"
            f" | {_ratio(rate, runs.get(InfluxDb.name))} | {run.result.p50_ms:,.1f}"
            f" | {run.result.p99_ms:,.1f} | {run.cpu_us:,.1f} | {run.result.errors}"
            f" | {'yes' if run.is_exact else '**no**'} |"
        )
    return "\n".join(lines)


def _ratio(rate: float, to: Run | None) -> str:
    if to is None or not to.result.readings_per_s:
        return NONE
    ratio = rate / to.result.readings_per_s
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}"  # noqa: PLR2004


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def history_table(rows: list[Figures], questions: list[str], absent: list[str]) -> str:
    """Return a table of answers' times and one of the room on the disk."""
    lines = [
        "### Median ms for an answer",
        "",
        "With a month of readings → with all of them.",
        "",
        f"| | {' | '.join(questions)} |",
        f"|---|{'---:|' * len(questions)}",
    ]
    lines += [
        f"| {row.name} | {' | '.join(_times(row, name) for name in questions)} |" for row in rows
    ]
    lines += [
        "",
        "### On the disk",
        "",
        "| | bytes a reading | MB in all | kWh of 30 days off by |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.room.total / row.readings:.2f} | {row.room.total / 1e6:.1f}"
            f" | {row.off_kwh:+.3f} |"
        )
        lines += [
            f"| – its {name} | {size / row.readings:.2f} | {size / 1e6:.1f} | |"
            for name, size in row.room.parts
        ]
    return "\n".join([*lines, *(f"\n{line}" for line in absent)])


def _times(row: Figures, question: str) -> str:
    month, year = row.month_ms.get(question), row.year_ms.get(question)
    if month is None or year is None:
        return _number(year if month is None else month, 1)
    return f"{month:,.1f} → {year:,.1f}"


def write_readme(machine: str, seconds: float, text: str) -> None:
    """Put the table of how fast readings are taken into the README."""
    put_into_readme("ingest", f"Measured {machine}; {seconds:g} s a load.\n\n{text}")


def put_into_readme(name: str, text: str) -> None:
    """Put measured figures between the README's two marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = README.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise ValueError(f"{README.name} has no {begin}")
    after = rest.partition(end)[2]
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
