"""Which devices get a release of the firmware, and when it has failed too often."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

MOST_FAILURES_SHARE = 0.05
# One board with a bad flash chip is no reason to stop.
LEAST_FAILURES = 2
# Three starts or ten minutes decide a trial; who was not heard for so long did not come back.
MISSING_AFTER = timedelta(hours=1)

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


def is_version(text: str) -> bool:
    """Tell whether `text` is a version such as 1.2.0: one to four numbers."""
    return _VERSION.fullmatch(text) is not None


def version_key(text: str) -> tuple[int, ...]:
    """Return what versions are compared by; one that is none counts as older than all."""
    if not is_version(text):
        return ()
    numbers = [int(part) for part in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()  # 1.0 and 1.0.0 are the same
    return (0, *numbers)


def is_covered(device_id: int, version: str, share: int) -> bool:
    """Tell whether a release rolled out to `share` % of all devices goes to this one.

    The same devices stay covered while the share grows. Each version begins with others, so that
    nobody is always the first to try.
    """
    digest = hashlib.sha256(f"{device_id}:{version}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 10_000 < share * 100


def is_failing(*, confirmed: int, failed: int, missing: int) -> bool:
    """Tell whether a release has to stop: over 5 % of its trials, and at least two, went wrong.

    `missing` are boards that fetched it and were not heard again.
    """
    bad = failed + missing
    return bad >= LEAST_FAILURES and bad > MOST_FAILURES_SHARE * (confirmed + bad)
