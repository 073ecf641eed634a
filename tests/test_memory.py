"""What a server process has in memory, and what it does without."""

import ctypes
import subprocess
import sys

import pytest

from running import environment

LOADED = "import wattkeep.asgi, sys; print({'psycopg', 'celery', 'redis'} & set(sys.modules))"
ARENAS = "import wattkeep.asgi, ctypes; ctypes.CDLL(None).malloc_stats()"


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(WATTKEEP_DATA_DIR=str(folder), WATTKEEP_DATABASE_URL=""),
        capture_output=True,
        text=True,
        check=True,
    )


def test_home_s_server_does_without_what_only_fleets_need(tmp_path):
    told = run(LOADED, tmp_path)

    assert told.stdout.strip() == "set()"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_stats"), reason="not glibc")
def test_threads_of_a_server_share_two_arenas(tmp_path):
    told = run(ARENAS, tmp_path)

    assert 1 <= told.stderr.count("Arena ") <= 2
