"""The firmware's own lint finds what it is for, and nothing in the firmware."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FINDINGS = [
    ("import hmac", "no module hmac"),
    ("import asyncio", "no module asyncio"),
    ("from math import inf", "no module math"),
    ("'a b'.partition(' ')", "no .partition()"),
    ("'a'.splitlines()", "no .splitlines()"),
    ("import binascii\nbinascii.crc32(b'')", "no crc32"),
    ("from binascii import crc32", "no crc32"),
    ("x = 3 / 2", "30 bits"),
    ("x = 4\nx /= 2", "30 bits"),
    ("x = 0.5", "30 bits"),
    ("x = f'{1}'", "f-string"),
    ("def f(x: int):\n    return x", "annotations"),
    ("async def f():\n    pass", "does not wait"),
    ("match 1:\n    case 1:\n        pass", "no match"),
    ("print(1)", "use say"),
]


@pytest.fixture(scope="module")
def lint():
    path = ROOT / "scripts/check_firmware.py"
    spec = importlib.util.spec_from_file_location("check_firmware", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("source", "words"), FINDINGS, ids=[words for _, words in FINDINGS])
def test_what_the_board_lacks_is_found(lint, tmp_path, source, words):
    (tmp_path / "page.py").write_text(source)

    (finding,) = lint.inspect(tmp_path / "page.py")

    assert finding.startswith("firmware/page.py:")
    assert words in finding


def test_what_carries_updates_needs_nothing_they_bring(lint, tmp_path):
    (tmp_path / "log.py").write_text("")
    (tmp_path / "slots.py").write_text("import log")

    (finding,) = lint.inspect(tmp_path / "slots.py")

    assert "slots is never updated, log is" in finding


def test_the_ports_own_stubs_are_asked(lint, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "page.py").write_text("import time\ntime.sleep_ms(1)\ntime.sleep_fast(1)\n")
    if not lint.find_stubs():
        pytest.skip("the port's stubs are not installed")

    (finding,) = lint.check_types(tmp_path)

    assert finding.startswith("firmware/page.py:3: error: Module has no attribute")


def test_the_firmware_is_clean(lint):
    assert [one for path in (ROOT / "firmware").glob("*.py") for one in lint.inspect(path)] == []
