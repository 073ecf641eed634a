"""Runs scripts on a real MicroPython, and says loudly where there is none."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wattkeep
from wattkeep.firmware import firmware_path
from wattkeep.sim.board import SHIM
from wattkeep.sim.micropython import has_micropython

IS_BUILT_HERE = sys.platform == "linux" and platform.machine() == "x86_64"
# Where the wheel exists it must be installed: a missing one fails these tests, it skips none.
needs_micropython = pytest.mark.skipif(
    not IS_BUILT_HERE and not has_micropython(),
    reason="NO MICROPYTHON FOR THIS MACHINE: the firmware is NOT tested here",
)


def run_script(folder: Path, script: str, data: Any = None, **environment: str) -> Any:
    """Run a script that finds `data` and answers by `answer(value)`; return that value."""
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "script.py").write_text(
        "import json, sys\n"
        "def answer(value): print('ANSWER' + json.dumps(value))\n"
        "data = json.load(open('data.json'))\n" + script
    )
    paths = (str(SHIM), str(firmware_path()), ".frozen")
    result = subprocess.run(
        [sys.executable, "-P", "-m", "wattkeep.sim.micropython", "-X", "heapsize=2M", "script.py"],
        cwd=folder,
        env={
            **os.environ,
            "MICROPYPATH": os.pathsep.join(paths),
            "PYTHONPATH": str(Path(wattkeep.__file__).parents[1]),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    *_, answered = result.stdout.rpartition("ANSWER")
    return json.loads(answered.splitlines()[0])
