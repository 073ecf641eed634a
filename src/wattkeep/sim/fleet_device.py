"""One virtual device of a fleet: when it measures, when it is away, and how it takes an answer."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from wattkeep.domain.keys import key_prefix, signing_key
from wattkeep.sim.fleet_board import Batch, Board
from wattkeep.sim.fleet_house import House, Spells
from wattkeep.sim.fleet_wire import Answer, Connection, Target

if TYPE_CHECKING:
    from random import Random

    from wattkeep.sim.fleet_count import Latencies, Tally

POLLS_PER_S = 10
ANSWER_S = 15.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
MOST_DOUBLINGS = 6
# So that a street of boards does not come back in step.
PAUSE_SPREAD = 0.25
HANG_UP_WITHIN_S = 0.1
TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class FleetAnswer(msgspec.Struct, frozen=True):
    """What a board reads of a 201."""

    ack: int
    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = []


_decode = msgspec.json.Decoder(FleetAnswer).decode


@dataclass(frozen=True, slots=True)
class Faults:
    """How much goes wrong: shares of the time, or of the posts for `lost_answers`.

    An outage lasts `outage_windows` on average, a silence of the meter `silence_windows`; a board
    keeps `most_kept` windows meanwhile.
    """

    outages: float = 0.02
    outage_windows: float = 12
    silences: float = 0.005
    silence_windows: float = 3
    lost_answers: float = 0.002
    most_kept: int = 8_640


@dataclass(slots=True)
class Street:
    """What the devices of one fleet share."""

    target: Target
    interval_s: float
    faults: Faults
    tally: Tally
    latencies: Latencies
    is_signed: bool = False
    is_draining: bool = False
    is_stopping: bool = False
    in_the_air: int = 0
    # The server's own words about what it refused, the last ones.
    refusal: str = ""


class Device:
    """A board, its meter and its connection, driven by timers of the running loop."""

    def __init__(self, street: Street, key: str, random: Random, first_window_s: float) -> None:
        now_s = time.monotonic()
        faults = street.faults
        self._street = street
        self._random = random
        # Not from the seed: a second run must not look like a replay of the first.
        self._board = Board(secrets.token_hex(4), now_s, faults.most_kept)
        self._house = House(random, time.time())
        self._outages = Spells(random, faults.outages, faults.outage_windows)
        self._silences = Spells(random, faults.silences, faults.silence_windows)
        self._signing_key = signing_key(key) if street.is_signed else b""
        who = f"X-Device: {key_prefix(key)}" if street.is_signed else f"X-API-Key: {key}"
        self._head = street.target.head(f"{who}\r\n")
        self._connection = Connection(self._take)
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._batch: Batch | None = None
        self._posted_s = 0.0
        self._failures = 0
        self._not_before_s = 0.0
        self._due_s = now_s + first_window_s
        self.is_offline = False
        self._loop = asyncio.get_running_loop()
        self._window_timer = self._loop.call_later(first_window_s, self._close_window)

    def end_windows(self) -> None:
        """Measure no more, be online, and send what is left."""
        self._window_timer.cancel()
        self.is_offline = False
        self._pump()

    def hang_up(self) -> None:
        """Let go of everything."""
        self._window_timer.cancel()
        self._let_go()

    # -- measuring ---------------------------------------------------------------------------

    def _close_window(self) -> None:
        now_s, interval_s = time.monotonic(), self._street.interval_s
        self._due_s += interval_s * (1 + max(now_s - self._due_s, 0) // interval_s)
        self._window_timer = self._loop.call_later(self._due_s - now_s, self._close_window)
        was_offline, self.is_offline = self.is_offline, self._outages.step()
        is_silent = self._silences.step()
        overflowed = self._board.overflowed
        self._board.close_window(
            None if is_silent else self._house.values(time.time()),
            0 if is_silent else max(round(interval_s * POLLS_PER_S), 1),
            now_s,
        )
        self._street.tally.made += 1
        self._street.tally.overflowed += self._board.overflowed - overflowed
        if self.is_offline and not was_offline:
            self._street.tally.cut += self._batch is not None
            self._let_go()
        self._pump()

    # -- sending -----------------------------------------------------------------------------

    def _pump(self) -> None:
        """Post what is next, if there is something and nothing is in the way."""
        street = self._street
        if self._batch is not None or self.is_offline or street.is_stopping:
            return
        if time.monotonic() < self._not_before_s:
            return
        batch = self._board.choose(is_draining=street.is_draining)
        if batch is None:
            return
        self._batch = batch
        street.in_the_air += 1
        self._posted_s = time.monotonic()
        self._timer = self._loop.call_later(ANSWER_S, self._time_out)
        if self._connection.is_open:
            self._send()
        else:
            self._connecting = self._loop.create_task(self._connect())

    def _time_out(self) -> None:
        what = "answer" if self._connection.is_open else "connection"
        self._fail(f"no {what} in {ANSWER_S:.0f} s")

    async def _connect(self) -> None:
        self._connection = Connection(self._take)
        try:
            await self._street.target.connect(self._connection)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            self._fail(f"no connection: {reason}")
        else:
            if self._connection.is_open:
                self._send()
            else:
                # A busy server took it and hung up before we had our turn.
                self._fail("connection lost")

    def _send(self) -> None:
        street, batch = self._street, self._batch
        assert batch is not None  # noqa: S101 - set by _pump, and what unsets it hangs up
        body = self._board.envelope(batch, time.monotonic())
        signature = b""
        if self._signing_key:
            digest = hmac.digest(self._signing_key, body, "sha256").hex()
            signature = f"X-Signature: sha256={digest}\r\n".encode()
        is_deaf = not street.is_draining and self._random.random() < street.faults.lost_answers
        self._connection.send(
            b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, signature, len(body), body),
            deaf=is_deaf,
        )
        street.tally.requests += 1
        street.tally.sent += sum(not window.is_silent for window in batch.windows)
        if is_deaf and self._timer is not None:
            self._timer.cancel()
            hang_up_s = self._random.random() * HANG_UP_WITHIN_S
            self._timer = self._loop.call_later(hang_up_s, self._lose_answer)

    def _lose_answer(self) -> None:
        self._street.tally.lost_answers += 1
        self._let_go()
        self._pause(FIRST_PAUSE_S)

    # -- what came of it ---------------------------------------------------------------------

    def _take(self, outcome: Answer | str) -> None:
        if isinstance(outcome, str):
            self._fail(outcome)
            return
        batch = self._batch
        assert batch is not None  # noqa: S101 - nothing is answered that was not posted
        self._street.tally.answers += 1
        if 200 <= outcome.status < 300:  # noqa: PLR2004 - success
            self._take_success(batch, outcome)
        elif 400 <= outcome.status < 500 and outcome.status not in TRY_AGAIN:  # noqa: PLR2004
            self._street.tally.errors[f"status {outcome.status}"] += 1
            self._street.refusal = outcome.body[:200].decode("utf-8", "replace")
            seqs = {window.seq for window in batch.windows}
            self._street.tally.parked += self._board.drop(seqs)
            self._done()
        else:
            self._fail(f"status {outcome.status}", outcome.retry_after_s)

    def _take_success(self, batch: Batch, outcome: Answer) -> None:
        tally = self._street.tally
        try:
            answer = _decode(outcome.body)
            refused = {batch.windows[one["index"]].seq for one in answer.rejected}
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, IndexError, TypeError):
            self._fail("answer not understood")
            return
        if answer.accepted + answer.duplicates + len(refused) != len(batch.windows):
            self._fail("answer does not account for every window")
            return
        if refused:
            tally.refused += self._board.drop(refused)
        settled = self._board.settle(answer.ack)
        if batch.is_backlog and not (settled or refused):
            # Sending the same again at once would go on for ever.
            self._fail("answer acknowledges nothing")
            return
        silent = sum(window.is_silent for window in settled)
        tally.silent += silent
        tally.acked += len(settled) - silent
        tally.duplicates += answer.duplicates
        self._street.latencies.add(time.monotonic() - self._posted_s)
        self._done()

    def _done(self) -> None:
        self._failures = 0
        self._end_post()
        self._pump()

    def _fail(self, kind: str, retry_after_s: float = 0) -> None:
        self._street.tally.errors[kind] += 1
        self._let_go()
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures, MOST_DOUBLINGS), LONGEST_PAUSE_S)
        self._failures += 1
        self._pause(max(pause_s, retry_after_s))

    def _pause(self, pause_s: float) -> None:
        self._street.tally.retries += 1
        pause_s *= 1 + self._random.random() * PAUSE_SPREAD
        self._not_before_s = time.monotonic() + pause_s
        # Timers come up to a millisecond early.
        self._loop.call_later(pause_s + 0.002, self._pump)

    def _end_post(self) -> None:
        if self._batch is not None:
            self._street.in_the_air -= 1
            self._batch = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        """Give up the connection and what is in the air on it."""
        self._end_post()
        connecting, self._connecting = self._connecting, None
        # It may be the connecting itself that failed and calls this.
        if connecting is not None and connecting is not asyncio.current_task(self._loop):
            connecting.cancel()
        self._connection.close()
