# Fetches a release into the half of ROM that does not run, checks every byte, puts it on trial.
# Loaded when there is one, and gone with the restart that follows.
import binascii
import hashlib
import json
import os
from time import ticks_add, ticks_diff

import esp
import slots
import uctypes
from buffers import ANSWER
from log import say
from micropython import const
from sign import is_same, signature

PATH = b"/api/board/file/"
MANIFEST = "manifest.json"
APPLICATION = "app.romfs"
# Where this chip maps its flash to, as far as code can run from there.
_FLASH_BASE = const(0x40200000)
_SECTOR = const(4096)
_CHUNK = const(1024)
_MOST_TRIES = const(8)
_RETRY_MS = const(2000)
_LONGEST_RETRY_MS = const(60000)


class BadRelease(Exception):
    pass


class Update:
    def __init__(self, board, meter, offer):
        self._secret = meter.uplink.identity.secret
        self._meter = meter
        self._version = offer["version"]
        self._manifest = offer["manifest_sha256"]
        self.slot = slots.other(board.slot)
        self._memory = slots.memory(self.slot)
        self._name = MANIFEST
        self._at = 0
        self._tries = 0
        self._due = None
        say("update to %s" % self._version)

    def is_due(self, now):
        return self._due is None or ticks_diff(now, self._due) >= 0

    def request(self):
        self._nonce = binascii.hexlify(os.urandom(8))
        body = {
            "nonce": self._nonce.decode(),
            "version": self._version,
            "path": self._name,
            "offset": self._at,
        }
        return PATH, json.dumps(body).encode()

    def answered(self, http, now):
        # True: the release is complete. None: there is more to fetch. False: given up.
        try:
            if not self._is_good(http):
                return self._try_again(now)
            self._tries = 0
            self._due = None
            if self._name == MANIFEST:
                self._read_manifest(http.body())
                return None
            return self._write(http.body())
        except Exception as error:  # whatever it is: what runs now goes on running
            say("update given up: %s" % error)
            return False

    def _is_good(self, http):
        if http.status != 200:
            say("update: %s" % (http.why or "status %d" % http.status))
            if http.status == 404:
                raise BadRelease("withdrawn")
            return False
        given = http.head.get(b"x-signature", b"")
        if is_same(given, signature(self._secret, self._nonce, http.body())):
            return True
        say("update: not signed by our server")
        return False

    def _try_again(self, now):
        self._tries += 1
        if self._tries >= _MOST_TRIES:
            raise BadRelease("no good answer")
        self._due = ticks_add(now, min(_RETRY_MS << self._tries, _LONGEST_RETRY_MS))

    def _read_manifest(self, body):
        if hexdigest(hashlib.sha256(body)) != self._manifest:
            raise BadRelease("the manifest is not what was announced")
        manifest = json.loads(body)
        name, self._size, self._sha256 = manifest["files"][0]
        if manifest["version"] != self._version or name != APPLICATION:
            raise BadRelease("a manifest that cannot be")
        if not 0 < self._size <= len(self._memory):
            raise BadRelease("too large for this board")
        self._name = name

    def _write(self, chunk):
        count = len(chunk)
        if not count or self._at + count > self._size:
            raise BadRelease("the wrong size")
        if count != _CHUNK and self._at + count != self._size:
            raise BadRelease("a short piece")
        start = uctypes.addressof(self._memory) - _FLASH_BASE + self._at
        if start % _SECTOR == 0:
            esp.flash_erase(start // _SECTOR)
        # Flash is written in words, straight from where the answer lies: there is no room for a
        # copy. What a last word holds beyond the end is never read.
        esp.flash_write(start, memoryview(ANSWER)[: count + 3 & ~3])
        self._at += count
        if self._at < self._size:
            return None
        self._check()
        self._meter.remote["tried"] = self._manifest
        return True

    def _check(self):
        # Read back from where it will run.
        total = hashlib.sha256()
        for start in range(0, self._size, _CHUNK):
            total.update(self._memory[start : min(start + _CHUNK, self._size)])
        if hexdigest(total) != self._sha256:
            raise BadRelease("not what the manifest says")


def hexdigest(total):
    return binascii.hexlify(total.digest()).decode()
