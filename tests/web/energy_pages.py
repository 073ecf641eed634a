"""What the tests of the energy page read out of it, and hours for it to show."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

from stored import store_counter

# In Paris, 5 January 2026, a Monday.
MIDNIGHT = datetime(2026, 1, 4, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
CELL = r"<t[hd][^>]*>(.*?)</t[hd]>"


def store_hours(device, hours, *, kw=0.6, start=MIDNIGHT, first_kwh=100.0):
    """Store a reading every five minutes of a constant load."""
    points = [
        (start + timedelta(minutes=5 * n), round(first_kwh + kw * n / 12, 3))
        for n in range(12 * hours + 1)
    ]
    store_counter(device, *points)


def page(client, address="/energy/", **query):
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.status_code
    return unescape(re.sub(r"\s+", " ", answer.content.decode()))


def chart(text):
    found = re.search(r'id="energy-data" type="application/json">(.*?)</script>', text)
    return json.loads(found[1])


def table(text):
    """Return the table's rows as lists of plain texts."""
    body = re.search(r'aria-labelledby="energy-figures">(.*?)</table>', text)[1]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(CELL, row)]
        for row in rows
    ]  # fmt: skip


def day(**query):
    return {"span": "day", "date": "2026-01-05", **query}


def why(client, device, start, end, **query):
    span = {"start": start.isoformat(), "end": end.isoformat()}
    return page(client, "/energy/why/", device=device.pk, **span, **query)
