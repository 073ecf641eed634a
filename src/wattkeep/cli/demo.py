"""`wattkeep demo`: everything at once, on fresh data, without hardware."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import open_installation
from wattkeep.cli.up import port_option, run_server

if TYPE_CHECKING:
    from wattkeep.monitoring.models import Device
    from wattkeep.sim.formats import Sample
    from wattkeep.sim.household import Household

HOST = "127.0.0.1"
USER = "demo"
MARKER = ".wattkeep-demo"
PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - letters that are not confused


@click.command()
@port_option
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the data there; emptied first if a demo made it.  [default: a temporary folder]",
)
@click.option(
    "--days",
    type=click.IntRange(0, 366),
    default=14,
    show_default=True,
    help="Days of history to start with.",
)
@click.option("--no-board", is_flag=True, help="History only: no virtual meter and board.")
def demo(port: int, data_dir: Path | None, days: int, no_board: bool) -> None:
    """Show Wattkeep with a real household's fortnight and a virtual board that goes on with it.

    The board runs the real firmware under MicroPython, wired to a virtual PZEM-004T. Ctrl-C ends
    everything.
    """
    with ExitStack() as stack:
        folder = _fresh_folder(data_dir, stack)
        open_installation(folder, may_be_new=True)
        from wattkeep.monitoring.accounts import create_account
        from wattkeep.monitoring.devices import create_device
        from wattkeep.sim.household import load_sample

        password = "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(10))
        user = create_account(USER, password, is_admin=True)
        device, key = create_device(user, "House", location="Main panel")
        household = load_sample()
        history = _store_history(device, household, days)

        def announce() -> None:
            if not no_board:
                _start_board(stack, folder, device, key, household, history, port)
            click.echo(
                f"Wattkeep is running at http://{HOST}:{port}  user {USER}  password {password}"
            )

        run_server(HOST, port, announce)


def _fresh_folder(data_dir: Path | None, stack: ExitStack) -> Path:
    if data_dir is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wattkeep-demo-")))
    folder = data_dir.expanduser().resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise click.ClickException(
                f"{folder} holds something that no demo made; choose an empty folder."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARKER).touch()
    return folder


def _utc_offset_s(device: Device) -> int:
    offset = datetime.now(UTC).astimezone(device.site.zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _store_history(device: Device, household: Household, days: int) -> list[Sample]:
    """Store the household's days up to now, by the same road every reading takes to the disk."""
    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.stores import open_store
    from wattkeep.ledger.update import update_device

    history = household.history(time.time(), days, utc_offset_s=_utc_offset_s(device))
    readings = [
        Reading(
            device.pk,
            sample.timestamp_ms,
            sample.voltage,
            sample.current,
            sample.power,
            sample.energy,
            sample.frequency,
            sample.power_factor,
        )
        for sample in history
    ]
    if readings:
        store = open_store()
        batch = Batch(device.pk, readings, [False] * len(readings))
        store.commit([batch], [(device.pk, readings[-1].timestamp_ms)])
        store.close()
        # The page shall be right at its first look; from then on the server sees to it.
        update_device(device.pk, datetime.now(UTC))
    return history


def _start_board(
    stack: ExitStack,
    folder: Path,
    device: Device,
    key: str,
    household: Household,
    history: list[Sample],
    port: int,
) -> None:
    from wattkeep.sim.bench import start_bench

    offset_s = _utc_offset_s(device)
    now = time.time()
    bench = start_bench(
        url=f"http://{HOST}:{port}",
        api_key=key,
        load=household.load(offset_s),
        energy_wh=household.counter_wh(history[-1], now, offset_s) if history else 0,
        workdir=folder / "board",
    )
    stack.callback(bench.close)
    if bench.kind == "sender":
        click.echo(
            "There is no MicroPython for this machine: a plain Python sender plays the board.",
            err=True,
        )
