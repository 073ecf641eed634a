"""The measured figures as a Markdown table, and its place in the README."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contestants import InfluxDb, Literal

if TYPE_CHECKING:
    from loads import Result

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- ingest: begin -->"
END = "<!-- ingest: end -->"
NONE = "–"


@dataclass(frozen=True)
class Run:
    """One load on one server; `is_exact`: what is stored fits what was acknowledged."""

    result: Result
    stored: int
    is_exact: bool


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
        "| | readings/s | × literal | × InfluxDB | p50 ms | p99 ms | errors | stored as told |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, run in runs.items():
        rate = run.result.readings_per_s
        lines.append(
            f"| {name} | {rate:,.0f} | {_ratio(rate, runs.get(Literal.name))}"
            f" | {_ratio(rate, runs.get(InfluxDb.name))} | {run.result.p50_ms:,.1f}"
            f" | {run.result.p99_ms:,.1f} | {run.result.errors}"
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


def write_readme(machine: str, seconds: float, text: str) -> None:
    """Put the table between the README's two marks."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    head = f"Measured {machine}; {seconds:g} s a load.\n\n"
    README.write_text(f"{before}{BEGIN}\n{head}{text}\n{END}{after}", encoding="utf-8")
