"""The metrics there are, and how they are written down for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wattkeep.ingest.counts import Histogram

    # What is counted under a name and its labels: `wattkeep_posts_total{answer="201"}`.
    Figures = dict[str, float]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """Metrics of one name. `is_own`: of one process, so there is one a worker."""

    name: str
    kind: str
    says: str
    is_own: bool = True


FAMILIES = (
    Family("wattkeep_posts_total", "counter", "Posts of readings, by the status of their answer."),
    Family(
        "wattkeep_refused_posts_total",
        "counter",
        "Posts of readings that were refused, by reason.",
    ),
    Family(
        "wattkeep_readings_total",
        "counter",
        "Readings that came: stored, known already, or rejected.",
    ),
    Family(
        "wattkeep_post_seconds",
        "histogram",
        "From a post's arrival to its answer, its commit included.",
    ),
    Family("wattkeep_commit_seconds", "histogram", "How long commits of readings took."),
    Family("wattkeep_commit_readings", "histogram", "How many readings a commit had."),
    Family("wattkeep_failed_commits_total", "counter", "Commits of readings that failed."),
    Family("wattkeep_waiting_readings", "gauge", "Readings that wait for a commit."),
    Family(
        "wattkeep_alerts_waiting_readings", "gauge", "Readings that wait to be held to the rules."
    ),
    Family("wattkeep_pages_total", "counter", "Answers of pages and API, by class of status."),
    Family("wattkeep_page_seconds", "histogram", "How long answers of pages and API took."),
    Family("wattkeep_waiting_pages", "gauge", "Requests for pages and API that are not answered."),
    Family("wattkeep_open_sockets", "gauge", "Pages that are told of readings over a WebSocket."),
    Family("wattkeep_loop_lag_seconds", "gauge", "How much too late the event loop woke up last."),
    Family("wattkeep_cpu_seconds_total", "counter", "Processor time of server processes."),
    Family("wattkeep_resident_bytes", "gauge", "Memory of server processes."),
    Family("wattkeep_open_files", "gauge", "Open files and connections of server processes."),
    Family("wattkeep_started_seconds", "gauge", "When a server process started, since 1970."),
    Family("wattkeep_database_up", "gauge", "1 if the database answered.", is_own=False),
    Family("wattkeep_database_bytes", "gauge", "Size of the database.", is_own=False),
    Family("wattkeep_devices", "gauge", "Devices that are in use.", is_own=False),
    Family("wattkeep_devices_online", "gauge", "Devices heard within two minutes.", is_own=False),
    Family("wattkeep_open_incidents", "gauge", "Incidents that are not over.", is_own=False),
    Family(
        "wattkeep_ledger_lag_seconds",
        "gauge",
        "How far the device that is furthest behind has to go until its slots know all it sent.",
        is_own=False,
    ),
    Family("wattkeep_ledger_marks", "gauge", "Slots to be made again.", is_own=False),
    Family(
        "wattkeep_sealing_lag_seconds",
        "gauge",
        "How long ago the oldest day that is not sealed could have been.",
        is_own=False,
    ),
    Family("wattkeep_waiting_notifications", "gauge", "Messages that are due.", is_own=False),
    Family(
        "wattkeep_notification_lag_seconds",
        "gauge",
        "How long the message that waits longest has been due.",
        is_own=False,
    ),
    Family(
        "wattkeep_failed_notifications",
        "gauge",
        "Messages given up within the last day.",
        is_own=False,
    ),
    Family(
        "wattkeep_task_overdue_seconds",
        "gauge",
        "How long a periodic task has been due.",
        is_own=False,
    ),
    Family(
        "wattkeep_task_done_seconds",
        "gauge",
        "When a periodic task last ended well, since 1970.",
        is_own=False,
    ),
    Family(
        "wattkeep_task_failing", "gauge", "1 if a periodic task last ended badly.", is_own=False
    ),
)
_COUNTED = tuple(f.name for f in FAMILIES if f.kind != "gauge")


def labelled(name: str, **labels: str) -> str:
    """Return a metric's name with its labels; their values are words of ours."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def is_count(metric: str) -> bool:
    """Tell whether a metric only ever grows, so that what a process counted outlives it."""
    return metric.startswith(_COUNTED)


def histogram_figures(name: str, histogram: Histogram, per_unit: float) -> Figures:
    """Return a histogram as Prometheus has it, `per_unit` of ours being one of its units."""
    figures: Figures = {}
    so_far = 0
    for bound, count in zip((*histogram.bounds, float("inf")), list(histogram.counts), strict=True):
        so_far += count
        at_most = "+Inf" if bound == float("inf") else _number(bound / per_unit)
        figures[labelled(f"{name}_bucket", le=at_most)] = so_far
    figures[f"{name}_sum"] = histogram.total / per_unit
    figures[f"{name}_count"] = so_far
    return figures


def exposition(by_worker: Mapping[int, Figures], shared: Figures) -> str:
    """Return everything in Prometheus' text format, each process's figures with its number."""
    lines: list[str] = []
    for family in FAMILIES:
        lines += (f"# HELP {family.name} {family.says}", f"# TYPE {family.name} {family.kind}")
        if family.is_own:
            for worker, figures in sorted(by_worker.items()):
                lines += _lines(family, figures, f'worker="{worker}"')
        else:
            lines += _lines(family, shared, "")
    return "\n".join(lines) + "\n"


def _lines(family: Family, figures: Figures, label: str) -> Iterable[str]:
    for metric, value in figures.items():
        name, brace, labels = metric.partition("{")
        if _family_name(name, family) == family.name:
            inside = ",".join(
                part for part in (label, labels.removesuffix("}") if brace else "") if part
            )
            yield f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _family_name(name: str, family: Family) -> str:
    if family.kind == "histogram":
        for suffix in ("_bucket", "_sum", "_count"):
            name = name.removesuffix(suffix)
    return name


def _number(value: float) -> str:
    return f"{value:.15g}"
