"""What an installation shows of the device in the upgrade fixtures, by the command alone."""

import csv
import io

from running import run

DEVICE = "House"


def figures(settings):
    """Return a home's figures as whole numbers, as the exports have them."""
    readings = table(settings, "export", "--device", DEVICE)
    slots = table(settings, "export", "--device", DEVICE, "--slots")
    energy = ("consumption", "measured", "estimated", "corrected", "samples")
    return {
        "readings": len(readings),
        "counter": [readings[0]["energy"], readings[-1]["energy"]],
        "times": [readings[0]["timestamp"], readings[-1]["timestamp"]],
        "quarters": len(slots),
        "sums": {name: round(sum(float(row[name] or 0) for row in slots), 6) for name in energy},
    }


def table(settings, *words):
    done = run(*words, **settings)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))
