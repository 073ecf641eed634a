# A talk with the server about this board: how it is, and what the server wants of it. Loaded for
# the talk and forgotten afterwards. Only who knows the key can sign what is obeyed here.
import binascii
import gc
import json
import os
import sys

import slots
from log import last_lines, say
from sign import is_same, signature

PATH = b"/api/board/sync/"
_RANGES = (("interval_s", 1, 3600), ("display", 0, 1), ("contrast", 0, 255))
_LOG_LETTERS = 1000


class Sync:
    def __init__(self, board, meter):
        self._board = board
        self._meter = meter
        self._wants_log = meter.send_log
        self.nonce = binascii.hexlify(os.urandom(8)).decode()
        self.update = None

    def request(self):
        meter = self._meter
        remote = meter.remote
        self._note = slots.read()[3] if meter.index == 0 else ""
        body = {
            "boot": "%08x" % self._board.boot,
            "nonce": self.nonce,
            "config_version": remote.get("version", 0),
            "firmware": self._board.version,
            "slot": self._board.slot,
            "health": self._board.health(meter),
            "done": remote.get("done", []),
            "update": self._note or None,
        }
        self._done = len(body["done"])
        if self._wants_log:
            body["log"] = last_lines()[-_LOG_LETTERS:]
        return PATH, json.dumps(body).encode()

    def answered(self, http):
        # True: understood and done.
        if http.status != 200:
            say("sync: %s" % (http.why or "status %d" % http.status))
            return False
        given = http.head.get(b"x-signature", b"")
        if not is_same(given, signature(self._meter.uplink.identity.secret, http.body())):
            say("sync: not signed by our server")
            return False
        try:
            answer = json.loads(http.body())
            if answer["nonce"] != self.nonce:
                say("sync: an answer to somebody else")
                return False
            self._obey(answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            say("sync: %r" % error)
            return False
        return True

    def _obey(self, answer):
        meter = self._meter
        remote = meter.remote
        if self._note:
            slots.forget_note()
        # What was reported need not be reported again.
        remote["done"] = remote.get("done", [])[self._done :]
        if self._wants_log:
            meter.send_log = False
        apply(remote, answer.get("config") or {})
        remote["version"] = int(answer["config_version"])
        meter.save()
        self._board.configure(meter)
        for number, name in answer.get("commands") or ():
            self._run(number, name)
        update = answer.get("update")
        if update and meter.index == 0 and self._is_new(update):
            self.update = update

    def _is_new(self, update):
        if update["version"] == self._board.version:
            return False
        # A release gets one chance: what was rolled back would be rolled back again.
        return update["manifest_sha256"] != self._meter.remote.get("tried")

    def _run(self, number, name):
        remote = self._meter.remote
        for done in remote["done"]:
            if done[0] == number:
                return
        result = "ok"
        if number > remote.get("last", 0):
            # Noted before it is run: a command is run once, whatever happens in the middle.
            remote["last"] = number
            remote["done"].append([number, "interrupted"])
            self._meter.save()
            import commands

            result = commands.run(self._board, self._meter, name)
            del sys.modules["commands"]
            gc.collect()
            remote["done"].pop()
        remote["done"].append([number, result])
        self._meter.save()
        say("command %d %s: %s" % (number, name, result))


def apply(remote, config):
    for name, least, most in _RANGES:
        value = config.get(name)
        if value is None:
            continue
        if value is True or value is False or not isinstance(value, int):
            value = least - 1
        if least <= value <= most:
            remote[name] = value
        else:
            say("%s out of range, the old one stays" % name)
    addresses = config.get("meters")
    if addresses:
        if len(addresses) == 1 and isinstance(addresses[0], int) and 1 <= addresses[0] <= 0xF8:
            remote["address"] = addresses[0]
        else:
            say("meters: one address of 1 to 248 for each key, the old one stays")
