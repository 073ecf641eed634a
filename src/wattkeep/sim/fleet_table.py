"""A fleet's figures for people: a table that lives on a terminal, lines for a log, a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.sim.fleet_count import FleetReport, Percentiles

CLOSING_WORDS = {
    "refused": "refused by the server",
    "parked": "given up after an answer 4xx",
    "overflowed": "pushed out of a full buffer",
}


def table_of(report: FleetReport) -> Group:
    """Return the live table."""
    tally = report.tally
    table = Table("", "last 10 s", "since the start", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("answers / s", f"{report.rate:,.0f}", f"{report.mean_rate:,.0f}")
    for name in ("p50", "p95", "p99", "max"):
        recent, total = (
            getattr(latency, f"{name}_ms") for latency in (report.latency_recent, report.latency)
        )
        table.add_row(name, f"{recent:,.1f} ms", f"{total:,.1f} ms")
    table.add_row("this process, of a core", f"{report.client_cpu:.0%}", _mean_cpu(report))
    table.add_section()
    for label, count in (
        ("requests", tally.requests),
        ("readings acknowledged", tally.acked),
        ("windows without a reading", tally.silent),
        ("duplicates", tally.duplicates),
        ("answers lost on purpose", tally.lost_answers),
        *((label, getattr(tally, name)) for name, label in CLOSING_WORDS.items()),
        ("waiting in the boards", tally.backlog),
        ("errors", tally.errors.total()),
    ):
        table.add_row(label, "", f"{count:,}")
    for kind, count in tally.errors.most_common():
        table.add_row(Text(f"  {kind}"), "", f"{count:,}")
    title = (
        f"{report.devices:,} devices, {report.offline:,} of them offline; {report.elapsed_s:.0f} s"
    )
    return Group(Text(title), table, Text(report.client_is_bottleneck))


def _mean_cpu(report: FleetReport) -> str:
    return f"{report.client_cpu_mean:.0%}"


def line_of(report: FleetReport) -> str:
    """Return the figures as one line of a log."""
    tally = report.tally
    return (
        f"{report.elapsed_s:6.0f} s  {report.rate:8,.0f}/s  {_latency(report.latency_recent)}  "
        f"{tally.acked:,} acknowledged, {tally.backlog:,} waiting, "
        f"{tally.duplicates:,} duplicates, {tally.errors.total():,} errors, "
        f"{report.offline:,} offline, client {report.client_cpu:.0%} CPU"
    )


def summary_of(report: FleetReport) -> Iterator[str]:
    """Return the closing lines."""
    tally = report.tally
    yield (
        f"{report.devices:,} devices in {report.elapsed_s:,.1f} s: {tally.requests:,} requests, "
        f"{report.mean_rate:,.0f} answers/s"
    )
    yield f"latency    {_latency(report.latency)}  max {report.latency.max_ms:,.1f} ms"
    yield (
        f"readings   {tally.acked:,} acknowledged, {tally.sent:,} sent, "
        f"{tally.duplicates:,} duplicates; {tally.silent:,} windows without a reading"
    )
    yield (
        f"on purpose {tally.lost_answers:,} answers not waited for, "
        f"{tally.cut:,} posts cut by an outage"
    )
    yield f"left       {tally.backlog:,} windows in the boards"
    for name, words in CLOSING_WORDS.items():
        if count := getattr(tally, name):
            yield f"lost       {count:,} windows {words}"
    yield f"errors     {tally.errors.total():,}"
    for kind, count in tally.errors.most_common():
        yield f"  {count:,} x {kind}"
    if report.refusal:
        yield f"  the server's words: {report.refusal}"
    yield (
        f"client     {report.client_cpu_mean:.0%} of a core; its event loop late by "
        f"{report.client_lag.p50_ms:.1f} ms (p50), {report.client_lag.p99_ms:.1f} ms (p99)"
    )
    if report.client_is_bottleneck:
        yield report.client_is_bottleneck


def _latency(latency: Percentiles) -> str:
    return (
        f"p50 {latency.p50_ms:,.1f} ms  p95 {latency.p95_ms:,.1f} ms  p99 {latency.p99_ms:,.1f} ms"
    )
