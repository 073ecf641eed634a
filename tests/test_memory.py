"""What a server process has in memory, and what it does without."""

import subprocess
import sys

from running import environment

LOADED = "import wattkeep.asgi, sys; print({'psycopg', 'celery', 'redis'} & set(sys.modules))"


def test_home_s_server_does_without_what_only_fleets_need(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=environment(WATTKEEP_DATA_DIR=str(tmp_path), WATTKEEP_DATABASE_URL=""),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == "set()"
