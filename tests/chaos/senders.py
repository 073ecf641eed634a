"""Virtual senders: boards with numbered windows, sketches with single readings, and uploads."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chaos.journal import Fate, steps_of, values_of
from chaos.line import Line

NAMES = ("voltage", "current", "power", "energy", "frequency", "power_factor")
PAUSE_S = 0.02
AGAIN_S = 0.15
MOST_IN_ENVELOPE = 20
BUFFER = 200
SILENT = 0
WAS_BUFFERED = 4
DAY_MS = 86_400_000


class Sender:
    """What all have in common: an answer is 201, or 503 with the time to come back, or nothing."""

    given_times = False

    def __init__(self, journal, device, find_port, rng):
        now_ms = int(time.time() * 1000)
        first_ms = now_ms - 300 * DAY_MS if self.given_times else None
        self.book = journal.open(device.id, first_ms)
        self.heard = 0
        self._journal = journal
        self._line = Line(find_port, device.key)
        self._rng = rng
        self._is_ending = False

    async def run(self):
        """Send until told to end, then deliver what is left."""
        try:
            while not (self._is_ending and self.is_done()):
                is_heard = await self.turn()
                await asyncio.sleep(self._rng.uniform(0, PAUSE_S if is_heard else AGAIN_S))
        finally:
            await self._line.close()

    def end(self):
        """Make nothing new; `run` returns when all there is has been acknowledged."""
        self._is_ending = True

    def is_done(self):
        return True

    async def turn(self):
        """Send something, and return whether it was acknowledged."""
        raise NotImplementedError

    async def _post(self, payload):
        answer = await self._line.post(payload)
        self._journal.answers[answer.status if answer else "nothing"] += 1
        if answer is None or answer.status == 201:
            self.heard += answer is not None
            return answer
        if answer.status != 503 or not answer.headers.get("retry-after", "").isdigit():
            self._note(answer)
        return answer

    def _note(self, answer):
        self._journal.note(f"{type(self).__name__} {self.book.device_id} heard {answer}")


def reading(counter, **extra):
    """Return a reading as it is posted."""
    return dict(zip(NAMES, values_of(counter), strict=True)) | extra


def is_taken(answer):
    return answer is not None and answer.status == 201


class Sketch(Sender):
    """Posts one reading with its time, again and again until it is acknowledged."""

    given_times = True
    _waiting = None

    def is_done(self):
        return self._waiting is None

    async def turn(self):
        if self._waiting is None:
            self._waiting = self.book.make()
        counter = self._waiting
        at_ms = self.book.instant_ms(counter)
        as_text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        self.book.mark([counter], Fate.SENT)
        answer = await self._post(
            reading(counter, timestamp=self._rng.choice((as_text, at_ms / 1000)))
        )
        if not is_taken(answer):
            return False
        if answer.body["reading_id"] != at_ms:
            self._note(answer)
        self.book.mark([counter], Fate.ACKED)
        self._waiting = None
        return True


class Upload(Sender):
    """Posts arrays of readings with their times, small and large, a bad one in some."""

    given_times = True
    _waiting = ()

    def is_done(self):
        return not self._waiting

    async def turn(self):
        if not self._waiting:
            most = 400 if self._rng.random() < 0.05 else 40
            self._waiting = [self.book.make() for _ in range(self._rng.randint(1, most))]
        counters = self._waiting
        body = [reading(one, timestamp=self.book.instant_ms(one) / 1000) for one in counters]
        bad = []
        if self._rng.random() < 0.1:
            bad = [self._rng.randrange(len(body) + 1)]
            body.insert(bad[0], reading(counters[0], timestamp="yesterday"))
        self.book.mark(counters, Fate.SENT)
        answer = await self._post(body)
        if not is_taken(answer):
            return False
        refused = [one["index"] for one in answer.body["rejected"]]
        if (answer.body["accepted"] + answer.body["duplicates"], refused) != (len(counters), bad):
            self._note(answer)
        self.book.mark(counters, Fate.ACKED)
        self._waiting = ()
        return True


class Once(Sender):
    """Posts readings that the server must put a time to, each a single time.

    Sent again it would be another reading; so not heard of is not known, and 503 is not stored.
    """

    async def turn(self):
        if self._is_ending:
            return True
        if self._rng.random() < 0.3:
            counters = [self.book.make() for _ in range(self._rng.randint(1, 30))]
            # Many of the same age: each needs a millisecond of its own.
            body = [reading(one, age_s=self._rng.choice((0, 0.001, 5))) for one in counters]
        else:
            counters = [self.book.make()]
            body = reading(counters[0])
        self.book.mark(counters, Fate.SENT)
        answer = await self._post(body)
        if answer is not None:
            self.book.mark(counters, Fate.ACKED if is_taken(answer) else Fate.REFUSED)
        return is_taken(answer)


@dataclass
class Boot:
    """One start of a board: windows it still has, as (seq, counter or silence, measured at)."""

    name: str
    windows: deque[tuple[int, int, float]] = field(default_factory=deque)
    seq: int = 0
    is_backlog: bool = False


class Board(Sender):
    """Posts numbered windows: oldest first, the same ones until acknowledged, new boots at times.

    What an earlier boot left goes first, with a live envelope after every four. A full buffer
    loses its oldest window.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._boots = [self._new_boot()]
        self._backlog_turns = 0

    def is_done(self):
        return not any(boot.windows for boot in self._boots)

    async def turn(self):
        live = self._boots[-1]
        if not self._is_ending:
            for _ in range(self._rng.randint(1, 3)):
                self._measure(live)
            if self._rng.random() < 0.02:
                live.is_backlog = True
                self._boots.append(self._new_boot())
        old = next((boot for boot in self._boots if boot.windows), live)
        if old is not live and live.windows and self._backlog_turns == 4:
            old = live
        self._backlog_turns = 0 if old is live else self._backlog_turns + 1
        return await self._send(old)

    def _new_boot(self):
        return Boot(f"{self._rng.getrandbits(32):08x}")

    def _measure(self, boot):
        boot.seq += 1
        is_silent = self._rng.random() < 0.1
        boot.windows.append((boot.seq, SILENT if is_silent else self.book.make(), time.time()))
        self.book.silent_sent += is_silent
        if len(boot.windows) > BUFFER:
            boot.windows.popleft()

    async def _send(self, boot):
        windows = list(boot.windows)[:MOST_IN_ENVELOPE]
        # Falling behind within a boot: now and then the newest goes ahead of its backlog.
        is_behind = len(boot.windows) > MOST_IN_ENVELOPE
        if is_behind and self._rng.random() < 0.2:
            windows, flags = [boot.windows[-1]], 0
        else:
            flags = WAS_BUFFERED if is_behind or boot.is_backlog else 0
        self.book.mark([counter for _, counter, _ in windows if counter], Fate.SENT)
        now = time.time()
        rows = [
            [
                seq,
                max(0, round((now - at) * 1000)),
                *(steps_of(counter) if counter else [None] * 6),
                20,
                flags,
            ]
            for seq, counter, at in windows
        ]
        answer = await self._post({"boot": boot.name, "uptime_s": boot.seq, "readings": rows})
        if not is_taken(answer):
            return False
        self._drop(boot, answer)
        return True

    def _drop(self, boot, answer):
        """Forget what is acknowledged."""
        if answer.body["rejected"] or not 0 <= answer.body["ack"] <= boot.seq:
            self._note(answer)
        while boot.windows and boot.windows[0][0] <= answer.body["ack"]:
            _, counter, _ = boot.windows.popleft()
            self.book.silent_acked += not counter
            self.book.mark([counter] if counter else [], Fate.ACKED)
        if not boot.windows and boot is not self._boots[-1]:
            self._boots.remove(boot)


KINDS = (Sketch, Upload, Board, Board, Once)
