"""Brings the language files up to date with the pages, and compiles them.

Needs gettext's tools. A new text comes without a translation: write it into the .po and run this
again. A new language: `python scripts/messages.py fr`, and its name into LANGUAGES.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

PACKAGE = Path(__file__).resolve().parent.parent / "src/wattkeep"
DOMAIN = "django"


def main() -> None:
    """Extract from templates and code, merge, compile."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("WATTKEEP_DATA_DIR", folder)
        os.environ["DJANGO_SETTINGS_MODULE"] = "wattkeep.settings"
        extract([path.name for path in (PACKAGE / "locale").iterdir()] + sys.argv[1:])
    for path in PACKAGE.glob("locale/*/LC_MESSAGES/*.po"):
        subprocess.run(
            ["msgfmt", "--check-format", "-o", path.with_suffix(".mo"), path], check=True
        )


def extract(languages: list[str]) -> None:
    """Write every text of the package into its languages' files, with our short names too."""
    import django
    from django.core.management import call_command
    from django.core.management.commands import makemessages

    class Command(makemessages.Command):
        xgettext_options: ClassVar[list[str]] = [
            *makemessages.Command.xgettext_options,
            "--keyword=noop",
            "--keyword=lazy",
        ]

    django.setup()
    os.chdir(PACKAGE)
    call_command(
        Command(),
        locale=languages,
        no_location=True,
        no_obsolete=True,
        ignore_patterns=["static/*", "sim/*"],
    )


if __name__ == "__main__":
    main()
