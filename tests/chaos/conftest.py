"""What the storms need to know from outside."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def seed():
    return int(os.environ.get("CHAOS_SEED") or int.from_bytes(os.urandom(4)))


@pytest.fixture(scope="session")
def chaos_seconds():
    return float(os.environ.get("CHAOS_SECONDS") or 0)
