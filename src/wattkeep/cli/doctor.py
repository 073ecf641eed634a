"""`wattkeep doctor`: what is wrong or risky with this installation."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@data_dir_option
def doctor(as_json: bool, data_dir: Path | None) -> None:
    """Look for what is wrong or risky, and say what to do about it.

    The exit status is 0 if nothing is, 1 if something is risky, 2 if something is broken.
    """
    open_installation(data_dir, up_to_date=False)
    from wattkeep.doctor.examination import examine
    from wattkeep.doctor.findings import Level

    findings = examine(datetime.now(UTC))
    if as_json:
        rows = [
            {"check": f.check, "level": f.level.name.lower(), "what": f.what, "advice": f.advice}
            for f in findings
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        for one in findings:
            word = "BROKEN" if one.level == Level.FAULT else "RISKY "
            click.echo(f"{word}  {one.what}\n        {one.advice}\n")
        click.echo(_verdict(len(findings)))
    sys.exit(max((one.level for one in findings), default=0))


def _verdict(count: int) -> str:
    if not count:
        return "Nothing is wrong, as far as can be seen from here."
    return "One thing to look at." if count == 1 else f"{count} things to look at."
