"""Where an installation lies, before any of its settings is read."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

DATABASE_FILE = "wattkeep.sqlite3"


def data_folder() -> Path:
    """Return the data folder: WATTKEEP_DATA_DIR, else the user's."""
    named = os.environ.get("WATTKEEP_DATA_DIR")
    return Path(named or platformdirs.user_data_path("wattkeep")).expanduser()
