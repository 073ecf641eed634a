# One meter's windows on their way to the server: numbered, signed, kept until acknowledged.
import json
import struct
from time import ticks_add, ticks_diff

from log import say
from micropython import const
from sign import derive, signature
from store import RECORD

PATH = b"/api/energy-data/"
_BATCH = const(12)
_ROW_BYTES = const(84)
_WAITED = const(4)
_BACKLOG_PER_LIVE = const(4)
_FIRST_PAUSE_MS = const(1000)
_LONGEST_PAUSE_MS = const(30000)
_PARKED_MS = const(300000)
_ASKED_PAUSE_MS = const(600000)


class Identity:
    # What a request carries to show whose board this is.
    def __init__(self, key, signed):
        self.secret = derive(key)
        if signed:
            prefix = key[: key.find("_")] if "_" in key else key
            self._head = b"X-Device: %s\r\nX-Signature: " % prefix.encode()
        else:
            self._head = b"X-API-Key: %s\r\n" % key.encode()
        self._signed = signed

    def headers(self, body):
        if self._signed:
            return self._head + signature(self.secret, body) + b"\r\n"
        return self._head


class Uplink:
    def __init__(self, store, clock, identity, name, now):
        self.store = store
        self.identity = identity
        self.config_version = None  # as the server last told it
        self.acked_ds = None  # when a post was last acknowledged
        self.error = ""
        self.accepted = 0
        self.seq = 0
        self._clock = clock
        self._name = name
        self._most = _BATCH
        self._live = False
        self._was_live = False
        self._last = bytearray(struct.calcsize(RECORD))
        self._credit = 0
        self._failures = 0
        self._next = now
        self._sent_boot = self._sent_seq = self._rows = 0

    def offer(self, means):
        # A window has closed.
        self.seq += 1
        self.store.add(means, self.seq)
        struct.pack_into(
            RECORD, self._last, 0, means[7], means[5], means[0], means[4], means[6],
            self.seq, self._clock.ds, means[1], means[2], means[3],
        )  # fmt: skip
        self._live = True
        self._credit = _BACKLOG_PER_LIVE

    def choose(self, buffer, state, now):
        # Fills `buffer` with what to post now and answers its length; 0: nothing.
        if ticks_diff(now, self._next) < 0:
            return 0
        # The newest window once, then what waits: at least one batch for each live window,
        # or a slow server would never see any of it.
        backlog_due = self._was_live and self.store.waiting > 1
        self._was_live = self._live and not backlog_due
        if self._was_live:
            self._live = False
            return self._write_live(buffer, state)
        if self._credit:
            self._credit -= 1
            return self._write_backlog(buffer, state)
        return 0

    def _write_live(self, buffer, state):
        boot = self.store.boot
        end = self._write_head(buffer, boot, state)
        self._sent_boot, self._sent_seq, self._rows, self._waited = boot, self.seq, 1, False
        end = self._write_row(buffer, end, struct.unpack(RECORD, self._last), 0, 0)
        return self._put(buffer, end, b"]}")

    def _write_backlog(self, buffer, state):
        described = self.store.start_batch()
        if described is None:
            return 0
        boot, base_ms = described
        is_old = boot != self.store.boot
        if is_old and not self._clock.base_ms:
            # Only the server's clock tells how long ago an earlier start was.
            self.store.end_batch()
            return 0
        end = self._write_head(buffer, boot, None if is_old else state)
        rows = 0
        while rows < self._most and end + _ROW_BYTES < len(buffer):
            record = self.store.next_record()
            if record is None:
                break
            gone_ms = self._gone_ms(base_ms, record[6]) if is_old else 0
            end = self._write_row(buffer, end, record, _WAITED, gone_ms)
            rows += 1
            self._sent_seq = record[5]
            if record[5] == self.seq and not is_old:
                self._live = False
        self.store.end_batch()
        self._sent_boot, self._rows, self._waited = boot, rows, True
        return self._put(buffer, end, b"]}") if rows else 0

    def _gone_ms(self, base_ms, end_ds):
        # How long ago a window of an earlier start ended. Where the server was never met in that
        # start, as if the board had not been off since.
        if base_ms:
            return max(self._clock.base_ms + (self._clock.ds - end_ds) * 100 - base_ms, 0)
        return (self._clock.ds + self.store.offline_ds(end_ds)) * 100

    def _write_head(self, buffer, boot, state):
        end = self._put(buffer, 0, b'{"boot":"%08x",' % boot)
        if state:
            end = self._put(buffer, end, state())
        return self._put(buffer, end, b'"readings":[')

    def _write_row(self, buffer, end, record, flags, gone_ms):
        own, pf, v, f, n, seq, end_ds, i, p, e = record
        age_ms = gone_ms or max(self._clock.ds - end_ds, 0) * 100
        comma = b"" if buffer[end - 1] == 91 else b","
        if n:
            row = b"%s[%d,%d,%d,%d,%d,%d,%d,%d,%d,%d]" % (
                comma, seq, age_ms, v, i, p, e, f, pf, n, own | flags
            )  # fmt: skip
        else:
            nulls = b"null,null,null,null,null,null"
            row = b"%s[%d,%d,%s,0,%d]" % (comma, seq, age_ms, nulls, own | flags)
        return self._put(buffer, end, row)

    def _put(self, buffer, end, text):
        buffer[end : end + len(text)] = text
        return end + len(text)

    # What the server says to it

    def answered(self, http, now):
        status = http.status
        if 200 <= status < 300:
            try:
                self._settle(json.loads(http.body()))
                return
            except (ValueError, KeyError, TypeError):
                self._fail(now, "answer not understood", 0)
        elif 400 <= status < 500 and status not in (408, 429):
            self._refused(http, now)
        else:
            self._fail(now, http.why or "status %d" % status, http.head.get(b"retry-after", 0))

    def _settle(self, answer):
        ack = answer["ack"]
        settled = answer["accepted"] + answer["duplicates"] + len(answer["rejected"])
        if self._waited and settled == self._rows:
            # Every row of this batch is settled; between them there may be holes that the server
            # still waits for, and that the next batch tells it to give up.
            ack = max(ack, self._sent_seq)
        is_first = not self._clock.base_ms
        self._clock.learn(answer["server_time_ms"])
        if is_first:
            self.store.note_date()
        self.config_version = answer["config_version"]
        self.store.drop(self._sent_boot, ack)
        self.acked_ds = self._clock.ds
        self._failures = 0
        self._most = _BATCH
        self.accepted += 1
        self.error = ""
        for one in answer["rejected"]:
            say("%srefused %s" % (self._name, one))

    def _refused(self, http, now):
        # The server will not take this as it is.
        self.error = "refused %d" % http.status
        say("%s%s %r" % (self._name, self.error, bytes(http.body()[:90])))
        if http.status not in (400, 413, 422):
            # It is about who sends or where to: nothing is given up, but this may take long.
            self._next = ticks_add(now, _PARKED_MS)
        elif not self._waited:
            self._next = ticks_add(now, _FIRST_PAUSE_MS)
        elif self._rows > 1:
            self._most = self._rows // 2
        else:
            # One single window that is never taken would hold up all others.
            self.store.drop(self._sent_boot, self._sent_seq)
            self.store.lost += 1

    def _fail(self, now, why, asked_s):
        pause_ms = min(_FIRST_PAUSE_MS << min(self._failures, 5), _LONGEST_PAUSE_MS)
        pause_ms = max(pause_ms, min(asked_s * 1000, _ASKED_PAUSE_MS))
        self._failures += 1
        self.error = why
        # A little spread, so that a street of boards does not come back in step.
        self._next = ticks_add(now, pause_ms + (now & 0xFF))
        say("%snot posted: %s; %d waiting, again in %d ms" % (
            self._name, why, self.store.waiting, pause_ms,
        ))  # fmt: skip
