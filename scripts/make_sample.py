"""Cut the packaged two weeks out of the UCI household data set.

    python scripts/make_sample.py householdpower.csv

The input is the data set's own text file (d/m/Y, semicolons) or the CSV of the `EnergyData` 0.0.2
package (ISO dates, commas). The output has the data set's own layout; the same input gives the
same bytes with the same liblzma.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import sys
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Naive on purpose: the data set's own clock, UTC+01:00 all year.
START = datetime(2007, 12, 3)  # noqa: DTZ001
MINUTES = 14 * 24 * 60
HEADER = (
    "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
    "Sub_metering_1;Sub_metering_2;Sub_metering_3"
)
TARGET = Path(__file__).parent.parent / "src/wattkeep/sim/data/household-2007-12.txt.xz"
THOUSANDTH = Decimal("0.001")


def read_stamped(source: Path) -> Iterator[tuple[datetime, list[str]]]:
    """Yield each row's time and its seven values as text, from either layout."""
    with source.open(encoding="utf-8", newline="") as text:
        original = text.readline().startswith("Date;")
        for fields in csv.reader(text, delimiter=";" if original else ","):
            if original:
                stamp = datetime.strptime(" ".join(fields[:2]), "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007
                yield stamp, fields[2:]
            else:
                yield datetime.fromisoformat(fields[0]), fields[1:]


def cut_sample(source: Path) -> list[str]:
    """Return the sample's lines; exits when a minute is missing or out of place."""
    end = START + timedelta(minutes=MINUTES)
    lines = [HEADER]
    expected = START
    for stamp, values in read_stamped(source):
        if not START <= stamp < end:
            continue
        if stamp != expected:
            sys.exit(f"{source}: {expected} is missing; found {stamp}")
        try:
            shown = [str(Decimal(value).quantize(THOUSANDTH)) for value in values]
        except InvalidOperation:
            sys.exit(f"{source}: {stamp} has a missing value")
        lines.append(";".join((f"{stamp.day}/{stamp.month}/{stamp:%Y;%H:%M:%S}", *shown)))
        expected += timedelta(minutes=1)
    if expected != end:
        sys.exit(f"{source}: ends before {end}; {expected} is missing")
    return lines


def main() -> None:
    """Write the sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    lines = cut_sample(options.source)
    packed = lzma.compress(
        ("\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME, check=lzma.CHECK_CRC64
    )
    options.target.write_bytes(packed)
    print(f"{options.target}: {len(lines) - 1} minutes, {len(packed)} bytes")


if __name__ == "__main__":
    main()
