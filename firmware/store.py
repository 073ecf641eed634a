# The windows the server has not acknowledged: the last few in memory that survives a reset, older
# ones in segment files on flash, six at a time because each write there wears it.
import os
import struct

from log import say
from micropython import const

# flags, pf_c, V_dV, f_dHz, samples, seq, end in ds since the start, I_mA, P_dW, E_Wh
RECORD = "<BBHHHIIIII"
_SIZE = const(28)
_COMMIT = const(6)
# A segment fills one block of flash. Its name is its number and, as last digit, its level: how
# often its windows were made half as many.
_SEGMENT_BYTES = const(4032)
_MOST_SEGMENTS = const(96)
# An entry like a record that says to which start of the board the following ones belong:
# mark, nothing, nothing, ms and s of when that was (0: never learned), boot.
_HEADER = const(0xFF)
_REGION = "<HHIIHHII"  # mark, count, boot, s and ms of the start, checksum, not used
_REGION_BYTES = const(24)
_MARK = const(0x574B)
_MOST_DATES = const(16)

# Where `read_rtc` and `write_rtc` keep what must survive a reset; 492 bytes there are.
_RTC_BYTES = const(492)


def region_bytes(meters):
    return _RTC_BYTES // meters & ~3


class Store:
    def __init__(self, folder, region, boot, clock, most=_MOST_SEGMENTS):
        # `region`: this store's part of what is written to the RTC's memory after each change.
        self.folder = folder
        self.boot = boot
        self.lost = 0
        self.waiting = 0
        self._clock = clock
        self._most = most
        self._region = region
        self._room = min(_COMMIT, (len(region) - _REGION_BYTES) // _SIZE)
        self._count = 0
        self._entry = bytearray(_SIZE)
        self._header = None  # as last written
        self._head = (_HEADER, 0, 0, 0, 0, 0, 0, 0, 0, 0)  # as last read
        self._file = None
        self._at = 0
        self._newest = 0
        self.keys = []
        self._open()

    # What is there after a start

    def _open(self):
        try:
            os.mkdir(self.folder)
        except OSError:
            pass  # it is there
        for name in os.listdir(self.folder):
            try:
                key = int(name, 16)
            except ValueError:
                os.remove(self.folder + "/" + name)  # half of a thinning
                continue
            size = os.stat(self.folder + "/" + name)[6]
            self.waiting += size // _SIZE
            if not self.keys or key > self.keys[-1]:
                self._newest = size
            self.keys.append(key)
            self.keys.sort()
        self._drop_doubles()
        self._end_ds = self._last_end()
        self._dates = self._read_dates()
        self._recover()

    def _drop_doubles(self):
        # A thinning that was cut short leaves a segment in both forms.
        for i in range(len(self.keys) - 1, 0, -1):
            if self.keys[i] >> 4 == self.keys[i - 1] >> 4:
                self.remove(i - 1)

    def _last_end(self):
        # When the last record was closed, for those whose start has no known time.
        if not self.keys:
            return 0
        end = 0
        with open(self.path(-1), "rb") as file:
            while file.readinto(self._entry) == _SIZE:
                if self._entry[0] != _HEADER:
                    end = struct.unpack_from(RECORD, self._entry)[6]
        return end

    def _read_dates(self):
        # When starts began that learned the time while windows of them were on flash already.
        dates = {}
        try:
            with open(self.folder + ".time") as file:
                for line in file:
                    boot, base_ms = line.split()
                    dates[int(boot)] = int(base_ms)
        except (OSError, ValueError):
            pass
        return dates

    def note_date(self):
        # The server has told the time. What went to flash before did not know it.
        if self.keys:
            mode = "a" if len(self._dates) < _MOST_DATES else "w"
            try:
                with open(self.folder + ".time", mode) as file:
                    file.write("%d %d\n" % (self.boot, self._clock.base_ms))
            except OSError as error:
                say("flash: %r" % error)

    def _recover(self):
        # Windows that a reset left in the RTC's memory go to flash, under their own start.
        mark, count, boot, s, ms, check, _, _ = struct.unpack_from(_REGION, self._region)
        if mark == _MARK and 0 < count <= self._room and check == self._checksum(count):
            self._count = count
            self.waiting += count
            self._end_ds = struct.unpack_from(RECORD, self._record(count - 1))[6]
            if not self._append(boot, s, ms):
                self.waiting -= count
        self._count = 0
        self.save_region()

    def _checksum(self, count):
        total = count
        for byte in self._region[_REGION_BYTES : _REGION_BYTES + count * _SIZE]:
            total = total * 31 + byte & 0xFFFF
        return total

    def _record(self, index):
        start = _REGION_BYTES + index * _SIZE
        return self._region[start : start + _SIZE]

    def save_region(self):
        s, ms = self._base()
        check = self._checksum(self._count)
        struct.pack_into(
            _REGION, self._region, 0, _MARK, self._count, self.boot, s, ms, check, 0, 0
        )

    def _base(self):
        return self._clock.base_ms // 1000, self._clock.base_ms % 1000

    def path(self, index):
        return "%s/%x" % (self.folder, self.keys[index])

    # Coming in

    def add(self, means, seq):
        if self._count == self._room:
            self._flush()
        struct.pack_into(
            RECORD, self._record(self._count), 0, means[7], means[5], means[0], means[4], means[6],
            seq, self._clock.ds, means[1], means[2], means[3],
        )  # fmt: skip
        self._count += 1
        self.waiting += 1

    def _flush(self):
        s, ms = self._base()
        if self._append(self.boot, s, ms):
            self._count = 0
        else:
            self.lost += 1
            self._forget(1)

    def _append(self, boot, s, ms):
        # True: what is in memory is on flash too. Closing the file is what commits it.
        try:
            new = not self.keys or self.keys[-1] & 15 or self._newest >= _SEGMENT_BYTES
            if new:
                self._make_room()
                self.keys.append(((self.keys[-1] >> 4) + 1 << 4) if self.keys else 16)
            header = struct.pack(RECORD, _HEADER, 0, 0, 0, ms, boot, s, 0, 0, 0)
            try:
                with open(self.path(-1), "ab") as file:
                    if new or header != self._header:
                        file.write(header)
                    end = _REGION_BYTES + self._count * _SIZE
                    file.write(self._region[_REGION_BYTES:end])
                    self._newest = file.tell()
            except OSError:
                if new:
                    self.keys.pop()
                raise
            self._header = header
            return True
        except OSError as error:
            say("flash: %r" % error)
            return False

    def _make_room(self):
        if len(self.keys) >= self._most:
            import sys

            import thinning  # rare, and this board has no memory to spare

            thinning.thin(self)
            del sys.modules["thinning"]

    # Going out, oldest first

    def start_batch(self):
        # Answers (boot, ms since 1970 when it started or 0) of the oldest windows; None: none wait.
        # Then `next_record` gives them, as long as they are of that boot and in one segment.
        while self.keys:
            self._file = open(self.path(0), "rb")
            self._file.seek(self._at)
            while self._file.readinto(self._entry) == _SIZE:
                if self._entry[0] == _HEADER:
                    self._head = struct.unpack_from(RECORD, self._entry)
                    self._at += _SIZE
                else:
                    self._first = True
                    return self._describe_head()
            self.end_batch()
            self._finish_segment()
        self._file = None
        self._index = 0
        return (self.boot, self._clock.base_ms) if self._count else None

    def _describe_head(self):
        _, _, _, _, ms, boot, s, _, _, _ = self._head
        if boot == self.boot:
            return boot, self._clock.base_ms
        return boot, s * 1000 + ms if s else self._dates.get(boot, 0)

    def next_record(self):
        # (flags, pf, V, f, samples, seq, end_ds, I, P, E), or None: the batch ends here.
        if self._file is None:
            if self._index >= self._count:
                return None
            self._index += 1
            return struct.unpack_from(RECORD, self._record(self._index - 1))
        if not self._first and self._file.readinto(self._entry) != _SIZE:
            return None
        self._first = False
        if self._entry[0] == _HEADER:
            return None
        return struct.unpack_from(RECORD, self._entry)

    def end_batch(self):
        if self._file is not None:
            self._file.close()
            self._file = None

    def offline_ds(self, end_ds):
        # How long before the last thing known of an earlier start a window of it ended.
        return max(self._end_ds - end_ds, 0)

    def drop(self, boot, upto):
        # The server has settled everything up to this number of this boot.
        while self.keys and self._drop_from_segment(boot, upto):
            self._finish_segment()
        if boot == self.boot and self._count:
            done = 0
            while done < self._count:
                if struct.unpack_from(RECORD, self._record(done))[5] > upto:
                    break
                done += 1
            self._forget(done)

    def _drop_from_segment(self, boot, upto):
        # True: nothing is left in the oldest segment.
        with open(self.path(0), "rb") as file:
            file.seek(self._at)
            while file.readinto(self._entry) == _SIZE:
                entry = struct.unpack_from(RECORD, self._entry)
                if entry[0] == _HEADER:
                    self._head = entry
                elif self._head[5] != boot or entry[5] > upto:
                    return False
                else:
                    self.waiting -= 1
                self._at += _SIZE
        return True

    def _forget(self, count):
        if count:
            start = _REGION_BYTES
            kept = self._region[start + count * _SIZE : start + self._count * _SIZE]
            self._region[start : start + len(kept)] = kept
            self._count -= count
            self.waiting -= count

    def _finish_segment(self):
        self.remove(0)
        self._at = 0
        if not self.keys:
            self._forget_dates()
            self._newest = 0
            self.waiting = self._count

    def _forget_dates(self):
        if self._dates:
            self._dates = {}
            try:
                os.remove(self.folder + ".time")
            except OSError:
                pass  # it was never written

    def remove(self, index):
        try:
            os.remove(self.path(index))
        except OSError as error:
            say("flash: %r" % error)
        self.keys.pop(index)
