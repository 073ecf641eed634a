"""A finding: what is wrong or risky, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class Level(IntEnum):
    """How bad it is; the worst one is the exit status of `wattkeep doctor`."""

    RISK = 1
    FAULT = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `check` names it for scripts."""

    check: str
    level: Level
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the machine tells about itself."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


def risk(check: str, what: str, advice: str) -> Finding:
    """Return something that works today and may not tomorrow."""
    return Finding(check, Level.RISK, what, advice)


def fault(check: str, what: str, advice: str) -> Finding:
    """Return something that does not work."""
    return Finding(check, Level.FAULT, what, advice)
