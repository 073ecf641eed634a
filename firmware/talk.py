# Whose turn it is on the one connection: windows first, then configuration, then an update.
import gc
import sys
from time import ticks_add, ticks_diff

import slots
from buffers import BODY
from log import say
from micropython import const
from uplink import PATH

_SYNC_DS = const(216000)  # six hours
_SOON_MS = const(5000)
_RETRY_MS = const(60000)
_LONGEST_RETRY_MS = const(3600000)


class Talk:
    def __init__(self, board, http, prefix):
        self._board = board
        self.http = http
        self._prefix = prefix
        self._buffer = BODY
        self._view = memoryview(BODY)
        self._turn = 0
        self._with = None  # whom the answer is for
        self._sync = None
        self._update = None

    def step(self, now, linked):
        if self.http.busy:
            if self.http.step(now):
                self._answered(now)
        elif linked:
            self._choose(now)

    def _choose(self, now):
        meters = self._board.meters
        for i in range(len(meters)):
            meter = meters[(self._turn + i) % len(meters)]
            length = meter.uplink.choose(self._buffer, self._board.state, now)
            if length:
                self._turn = meter.index + 1
                self._post(meter, meter.uplink, PATH, self._view[:length], now)
                return
        for meter in meters:
            if self._sync is None and self._update is None and self._is_sync_due(meter, now):
                self._start_sync(meter, now)
                return
        if self._update is not None and self._update.is_due(now):
            path, body = self._update.request()
            self._post(meters[0], self._update, path, body, now)

    def _post(self, meter, who, path, body, now):
        self._with = who
        self._meter = meter
        headers = meter.uplink.identity.headers(body)
        self.http.post(self._prefix + path, headers, body, now)
        if not self.http.busy:
            self._answered(now)

    def _answered(self, now):
        who = self._with
        self._with = None
        if who is self._sync:
            self._synced(now)
        elif who is self._update:
            self._updated(now)
        else:
            before = who.accepted
            who.answered(self.http, now)
            if who.accepted > before:
                self._board.acknowledged()

    # Configuration and commands

    def _is_sync_due(self, meter, now):
        # Only somebody who takes our readings is asked what we should do.
        if meter.uplink.acked_ds is None:
            return False
        if meter.sync_due is not None:
            return ticks_diff(now, meter.sync_due) >= 0
        if meter.synced_ds is None or self._board.clock.ds - meter.synced_ds >= _SYNC_DS:
            return True
        return meter.uplink.config_version != meter.remote.get("version", 0)

    def _start_sync(self, meter, now):
        gc.collect()
        from sync import Sync

        self._sync = Sync(self._board, meter)
        path, body = self._sync.request()
        self._post(meter, self._sync, path, body, now)

    def _synced(self, now):
        sync, meter = self._sync, self._meter
        self._sync = None
        meter.sync_due = None
        if sync.answered(self.http):
            meter.synced_ds = self._board.clock.ds
            meter.sync_failures = 0
            if meter.remote["done"] or meter.send_log:
                meter.sync_due = ticks_add(now, _SOON_MS)
            elif meter.uplink.config_version != meter.remote["version"]:
                meter.sync_due = ticks_add(now, _RETRY_MS)
        else:
            pause_ms = min(_RETRY_MS << min(meter.sync_failures, 6), _LONGEST_RETRY_MS)
            meter.sync_failures += 1
            meter.sync_due = ticks_add(now, pause_ms)
        offer = sync.update
        sync = None
        forget("sync")
        # The other slot is what an unconfirmed one falls back to.
        if offer and self._update is None and not self._board.is_trial:
            self._start_update(meter, offer, now)

    # Updates

    def _start_update(self, meter, offer, now):
        try:
            from update import Update

            self._update = Update(self._board, meter, offer)
        except Exception as error:  # whatever it is: what runs now goes on running
            say("update: %r" % error)
            meter.sync_due = ticks_add(now, _LONGEST_RETRY_MS)
            forget("update")

    def _updated(self, now):
        done = self._update.answered(self.http, now)
        if done is None:
            return
        if done:
            self._meter.save()
            slots.begin_trial(self._update.slot)
            self._board.wants_reset = True
        self._update = None
        forget("update")


def forget(name):
    # Rare things are loaded late and let go of: this board has no memory to spare.
    sys.modules.pop(name, None)
    gc.collect()
