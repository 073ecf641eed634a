# Makes room where flash is full: two segments become one whose windows are twice as long.
# Voltage and current lose detail; the counter of the last reading stays as the meter gave it, so
# the energy adds up whatever was thinned.
import os
import struct

from store import RECORD

_SIZE = struct.calcsize(RECORD)
_HEADER = 0xFF


def thin(store):
    index = choose(store.keys)
    level = min(max(store.keys[index] & 15, store.keys[index + 1] & 15) + 1, 15)
    old = store.keys[index + 1]
    key = old >> 4 << 4 | level
    half = store.folder + "/half"
    merge(store, index, half)
    os.rename(half, "%s/%x" % (store.folder, key))
    if key == old:
        store.keys.pop(index + 1)
    else:
        store.remove(index + 1)
    store.remove(index)
    store.keys.insert(index, key)


def choose(keys):
    # The oldest two neighbours that were thinned least, but never the segment that is being sent.
    best = 1
    for i in range(1, len(keys) - 1):
        if rank(keys, i) < rank(keys, best):
            best = i
    return best


def rank(keys, i):
    one, two = keys[i] & 15, keys[i + 1] & 15
    return max(one, two) * 32 + one + two


def merge(store, index, target):
    entry = bytearray(_SIZE)
    header = None
    kept = None
    with open(target, "wb") as out:
        for part in (index, index + 1):
            with open(store.path(part), "rb") as file:
                while file.readinto(entry) == _SIZE:
                    if entry[0] == _HEADER:
                        if bytes(entry) != header:
                            kept = put(out, kept)
                            header = bytes(entry)
                            out.write(header)
                        continue
                    record = struct.unpack(RECORD, entry)
                    store.waiting -= 1
                    if kept is None:
                        kept = record
                        store.waiting += 1
                    else:
                        put(out, join(kept, record))
                        kept = None
        put(out, kept)


def put(out, record):
    if record is not None:
        out.write(struct.pack(RECORD, *record))


def join(one, two):
    # Means weighted by their samples; number, end and counter of the later one.
    n, m = one[4], two[4]
    if not n or not m:
        return two if m else one  # beside silence the measured one stands
    while n + m > 0xFFFF:
        n, m = n // 2, m // 2
    total = n + m
    mean = lambda i: ((one[i] * n + two[i] * m) * 2 + total) // (total * 2)
    return (
        one[0] | two[0], mean(1), mean(2), mean(3), total, two[5], two[6], mean(7), mean(8), two[9],
    )  # fmt: skip
