# HMAC-SHA256, which this port lacks: who sent this, and was it changed on the way.
import binascii
import hashlib

from micropython import const

_BLOCK = const(64)


def hmac(key, *parts):
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    pad = bytearray(_BLOCK)
    pad[: len(key)] = key
    for i in range(_BLOCK):
        pad[i] ^= 0x36
    inner = hashlib.sha256(pad)
    for part in parts:
        inner.update(part)
    for i in range(_BLOCK):
        pad[i] ^= 0x36 ^ 0x5C
    outer = hashlib.sha256(pad)
    outer.update(inner.digest())
    return outer.digest()


def derive(api_key):
    return hmac(api_key.encode(), b"wattkeep-sign")


def signature(key, *parts):
    return b"sha256=" + binascii.hexlify(hmac(key, *parts))


def is_same(one, other):
    # In the same time wherever they differ.
    if len(one) != len(other):
        return False
    different = 0
    for i in range(len(one)):
        different |= one[i] ^ other[i]
    return not different
