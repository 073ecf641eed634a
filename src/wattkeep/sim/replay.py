"""Readings posted over HTTP, in bulk or at a multiple of real time, until each has an answer."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationParseError,
    LocationValueError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wattkeep.sim.formats import Sample, Tally

ENDPOINT = "/api/energy-data/"
BATCH_LIMIT = 10_000
REASONS_KEPT = 5
WORDS_KEPT = 300
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
SHORTEST_WAIT_S = 0.05
TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for what, in seconds, and the clock it is measured with.

    `give_up_s` is the time without progress: from a request's first failure to the last try.
    """

    answer_s: float = 30.0
    give_up_s: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of the readings.

    `sent` counts readings with a final answer, whatever it was, once each; `accepted` those stored
    now, `duplicates` those stored before. A single post does not tell these two apart: there
    `accepted` means acknowledged. `rows` and `skipped` are the file's, if a tally was given.
    """

    rows: int = 0
    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    reasons: tuple[str, ...] = ()
    skipped: int = 0
    retries: int = 0

    @property
    def acknowledged(self) -> int:
        """How many readings the server has on disk."""
        return self.accepted + self.duplicates


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """The report so far, where in time the readings are, and what is being waited for, if so."""

    report: ReplayReport
    timestamp_ms: int
    waiting: str | None = None


class ReplayError(Exception):
    """The replay cannot go on; `report` says what was done until then."""

    def __init__(self, reason: str, report: ReplayReport) -> None:
        super().__init__(
            f"{reason}. {report.acknowledged:,} readings are acknowledged and stored; "
            "running it again goes on from there, and stores nothing twice"
            if report.acknowledged
            else f"{reason}. Nothing is acknowledged yet"
        )
        self.reason = reason
        self.report = report


class _Stopped(Exception):  # noqa: N818
    """Why no further request makes sense; becomes a ReplayError with the report."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any
    words: str
    retry_after_s: float | None


def replay(  # noqa: PLR0913
    samples: Iterable[Sample],
    *,
    url: str,
    api_key: Callable[[], str],
    speed: float | None = None,
    batch: int = 500,
    progress: Callable[[ReplayProgress], None] | None = None,
    tally: Tally | None = None,
    timing: Timing | None = None,
) -> ReplayReport:
    """Post readings to `url` and return what the server said to them.

    Without `speed`: arrays of `batch`, one after the other, as fast as they are taken. With it: one
    by one, `speed` times as fast as they were measured. `api_key` is asked for every request, so a
    key that changes meanwhile is found. Raises ReplayError when the server refuses, or is away for
    longer than `timing` allows.
    """
    if not 1 <= batch <= BATCH_LIMIT:
        raise ValueError(f"batch must be 1 to {BATCH_LIMIT:,}: {batch}")
    if speed is not None and not (speed > 0 and math.isfinite(speed)):
        raise ValueError(f"speed must be above 0: {speed}")
    timing = timing or Timing()
    line = _Line(url, api_key, timing)
    run = _Run(line, progress or (lambda _: None), tally, timing)
    if speed is None:
        return run.post_all(_batches(samples, batch))
    return run.post_all(_paced(samples, speed, timing), single=True)


class _Run:
    """One replay: what to do with each answer, and the count of it all."""

    def __init__(
        self,
        line: _Line,
        progress: Callable[[ReplayProgress], None],
        tally: Tally | None,
        timing: Timing,
    ) -> None:
        self._line = line
        self._progress = progress
        self._tally = tally
        self._timing = timing
        self._report = ReplayReport()

    def post_all(self, groups: Iterable[list[Sample]], *, single: bool = False) -> ReplayReport:
        """Post group after group, each until it has a final answer."""
        with self._line:
            for group in groups:
                self._count_rows(len(group))
                try:
                    self._post(group, single=single)
                except _Stopped as stop:
                    raise ReplayError(str(stop), self._report) from stop.__cause__
                self._tell(group)
        # Rows skipped after the last reading count too.
        self._count_rows(0)
        return self._report

    def _post(self, group: list[Sample], *, single: bool) -> None:
        body = json.dumps(_as_json(group[0]) if single else [_as_json(one) for one in group])
        answer = self._insist(group, body.encode())
        if single:
            self._take_single(group[0], answer)
        else:
            self._take_array(group, answer)

    def _insist(self, group: list[Sample], body: bytes) -> _Answer:
        """Send until there is an answer that another try would not change."""
        failing_since: float | None = None
        backoff_s = FIRST_BACKOFF_S
        while True:
            answer, trouble = self._line.send(body)
            if answer is not None and not _is_passing(answer.status):
                return answer
            now = self._timing.clock()
            failing_since = now if failing_since is None else failing_since
            asked_s = answer.retry_after_s if answer else None
            wait_s = backoff_s if asked_s is None else max(asked_s, SHORTEST_WAIT_S)
            if now + wait_s - failing_since > self._timing.give_up_s:
                spent_s = now - failing_since
                raise _Stopped(f"{trouble}; gave up after {spent_s:.0f} s without progress")
            self._report = replace(self._report, retries=self._report.retries + 1)
            self._tell(group, f"{trouble}; trying again in {wait_s:.1f} s")
            self._timing.sleep(wait_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _take_single(self, sample: Sample, answer: _Answer) -> None:
        body = answer.body
        # Field errors are about this reading alone; an "error" is about the request.
        refused = answer.status == HTTPStatus.BAD_REQUEST and isinstance(body, dict)
        if refused and "error" not in body:
            self._add(rejected=1, reasons=[_reason(sample, body)])
            return
        _refuse_failure(answer)
        if not (isinstance(body, dict) and isinstance(body.get("reading_id"), int)):
            raise _Stopped(f"not an answer of Wattkeep's: {answer.words}")
        self._add(accepted=1)

    def _take_array(self, group: list[Sample], answer: _Answer) -> None:
        _refuse_failure(answer)
        try:
            accepted, duplicates = int(answer.body["accepted"]), int(answer.body["duplicates"])
            rejected = answer.body["rejected"]
            reasons = [_reason(group[one["index"]], one["errors"]) for one in rejected]
        except (TypeError, KeyError, IndexError, ValueError):
            raise _Stopped(f"not an answer of Wattkeep's: {answer.words}") from None
        if accepted + duplicates + len(rejected) != len(group):
            raise _Stopped(f"the answer does not account for {len(group)} readings: {answer.words}")
        self._add(accepted=accepted, duplicates=duplicates, rejected=len(rejected), reasons=reasons)

    def _add(
        self,
        accepted: int = 0,
        duplicates: int = 0,
        rejected: int = 0,
        reasons: Iterable[str] = (),
    ) -> None:
        old = self._report
        self._report = replace(
            old,
            sent=old.sent + accepted + duplicates + rejected,
            accepted=old.accepted + accepted,
            duplicates=old.duplicates + duplicates,
            rejected=old.rejected + rejected,
            reasons=(*old.reasons, *reasons)[:REASONS_KEPT],
        )

    def _count_rows(self, taken: int) -> None:
        if self._tally is None:
            self._report = replace(self._report, rows=self._report.rows + taken)
        else:
            self._report = replace(self._report, rows=self._tally.rows, skipped=self._tally.skipped)

    def _tell(self, group: list[Sample], waiting: str | None = None) -> None:
        self._progress(ReplayProgress(self._report, group[-1].timestamp_ms, waiting))


class _Line:
    """The connection to one server, kept open between requests."""

    def __init__(self, url: str, api_key: Callable[[], str], timing: Timing) -> None:
        self._address = url.rstrip("/") + ENDPOINT
        self._api_key = api_key
        self._pool = urllib3.PoolManager(timeout=timing.answer_s, retries=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def send(self, body: bytes) -> tuple[_Answer | None, str]:
        """Return the answer, or None for a broken connection, and in words what is wrong.

        A key refused is asked for once more: it may have been replaced a moment ago.
        """
        key = self._api_key()
        answer, trouble = self._send_with(key, body)
        if answer is not None and answer.status == HTTPStatus.UNAUTHORIZED:
            fresh = self._api_key()
            if fresh != key:
                answer, trouble = self._send_with(fresh, body)
        return answer, trouble

    def _send_with(self, key: str, body: bytes) -> tuple[_Answer | None, str]:
        headers = {"Content-Type": "application/json", "X-API-Key": key}
        try:
            response = self._pool.request(
                "POST", self._address, body=body, headers=headers, redirect=False
            )
        except (LocationParseError, LocationValueError) as error:
            raise _Stopped(f"{self._address} is not an address to post to: {error}") from error
        except SSLError as error:
            raise _Stopped(f"no trusted connection to {self._address}: {error}") from error
        except ValueError as error:
            raise _Stopped("the key holds characters that no header can carry") from error
        except HTTPError as error:
            return None, f"no answer from {self._address} ({_plain(error)})"
        return _understand(response), f"the server answers {response.status}"


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    source = iter(samples)
    while group := list(islice(source, size)):
        yield group


def _paced(samples: Iterable[Sample], speed: float, timing: Timing) -> Iterator[list[Sample]]:
    """Yield each sample when its turn has come; the first one's is now.

    Turns are counted from the first, so a slow answer delays nothing but its own reading.
    """
    started: tuple[float, int] | None = None
    for sample in samples:
        if started is None:
            started = timing.clock(), sample.timestamp_ms
        since_s, first_ms = started
        wait_s = since_s + (sample.timestamp_ms - first_ms) / 1000 / speed - timing.clock()
        if wait_s > 0:
            timing.sleep(wait_s)
        yield [sample]


def _as_json(sample: Sample) -> dict[str, float]:
    return {
        "timestamp": sample.timestamp_ms / 1000,
        "voltage": sample.voltage,
        "current": sample.current,
        "power": sample.power,
        "energy": sample.energy,
        "frequency": sample.frequency,
        "power_factor": sample.power_factor,
    }


def _is_passing(status: int) -> bool:
    return status in TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _refuse_failure(answer: _Answer) -> None:
    """Raise for everything but success, in the server's own words."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise _Stopped(f"the server refuses the key: {answer.words}")
    raise _Stopped(f"the server answers {answer.status}: {answer.words}")


def _understand(response: urllib3.BaseHTTPResponse) -> _Answer:
    body = None
    with suppress(ValueError):
        body = json.loads(response.data)
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        words = body["error"]
    elif HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        words = f"go to {response.headers.get('Location', 'somewhere else')}"
    else:
        words = response.data.decode("utf-8", "replace")
    short = " ".join(words.split())[:WORDS_KEPT] or "(nothing)"
    return _Answer(response.status, body, short, _retry_after_s(response))


def _retry_after_s(response: urllib3.BaseHTTPResponse) -> float | None:
    """Return how long the server wants to be left alone; seconds or an HTTP date are allowed."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return urllib3.Retry().parse_retry_after(value)
    except InvalidHeader:
        return None


def _reason(sample: Sample, errors: object) -> str:
    moment = datetime.fromtimestamp(sample.timestamp_ms / 1000, UTC)
    return f"{moment.isoformat(timespec='seconds')}: {json.dumps(errors)}"


def _plain(error: HTTPError) -> str:
    """Return what went wrong, without the connection urllib3 puts before it."""
    return str(error).partition("): ")[2] or str(error)
