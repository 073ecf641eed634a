"""What tests of the history page share: days of readings, its address, its pictures."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from e2e.running import READING

STEP = timedelta(minutes=2)
READY = '[data-surface][aria-busy="false"]'
# Alike only if nothing was drawn in between.
PICTURE = "canvas => canvas.toDataURL()"
# How many pixels of a column of the plot are not the card's.
COLOURED = """(canvas, x) => {
  const ratio = canvas.width / canvas.clientWidth;
  const { data } = canvas.getContext("2d").getImageData(Math.round(x * ratio), 0, 1, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, alpha] = data.slice(i, i + 4);
    if (alpha > 40 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) count += 1;
  }
  return count;
}"""
GUTTER = 52


def post_days(device, days=2, gap=None, power=500.0):
    """Post a reading every two minutes up to now; nothing in the gap (hours ago, from and to)."""
    now = datetime.now(UTC).replace(microsecond=0)
    readings = []
    for n in range(int(timedelta(days=days) / STEP)):
        ago = n * STEP
        if gap and timedelta(hours=gap[1]) < ago < timedelta(hours=gap[0]):
            continue
        value = round(power + 100 * (n % 7), 1)
        at = (now - ago).isoformat()
        readings.append({**READING, "power": value, "energy": 900 - n / 100, "timestamp": at})
    assert device.post(*reversed(readings)) == 201


def open_history(page, *devices, **query):
    names = "&".join(f"device={device.id}" for device in devices)
    more = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"/history/?{names}{more}")
    page.wait_for_selector(READY)


def address_of(page):
    return parse_qs(urlsplit(page.url).query)


def span_of(page):
    """Return the seconds of the view, as the address has them."""
    query = address_of(page)
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("start", "end"))
    return (end - start).total_seconds()


def wait_for_address(page, before):
    """Wait until the address tells of another view."""
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_selector(READY)


def canvas_of(page, metric="power"):
    return page.locator(f"[data-panel={metric}] canvas")


def middle_of(page):
    box = page.locator("[data-surface]").bounding_box()
    return box["x"] + GUTTER + (box["width"] - GUTTER) / 2, box["y"] + 120


def chart_of(page):
    return json.loads(page.locator("#history-data").text_content())
