"""Every page there is: nothing for axe-core to find, nothing that moves, complains or sticks out.

Each is opened twice: in English on a wide screen, which then becomes a telephone's, and in German
on a telephone, where nothing that the catalogue knows may stay English. The list of pages is the
one that `make screenshots` pictures.
"""

from contextlib import contextmanager
from pathlib import Path

import pytest
from shown_pages import PAGES
from showroom import BRITISH, GERMAN, PAINTED, WIDTHS, Showroom

from e2e.conftest import Complaints
from e2e.german import English

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
FIND = """
  async (rules) => {
    const only = rules ? { runOnly: rules } : {};
    const options = { ...only, iframes: false, resultTypes: ["violations"] };
    const { violations } = await axe.run(document, options);
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
      `${id}: ${target.join(" ")}: ${failureSummary}`));
  }
"""
WATCH_SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (hadRecentInput) continue;
      const moved = (sources ?? []).map(({ node }) => node?.outerHTML?.slice(0, 80) ?? "text");
      window.shifts.push([value, ...moved]);
    }
  }).observe({ type: "layout-shift", buffered: true });
"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What Chromium rounds; a line of text that moves by one pixel is more.
STILL = 0.001


@pytest.fixture(scope="module")
def showroom(chromium, tmp_path_factory):
    room = Showroom(tmp_path_factory.mktemp("showroom"), chromium, days=9, step_minutes=10)
    yield room
    room.close()


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip("there is no axe-core: `npm ci` in frontend/ installs it")
    return AXE.read_text(encoding="utf-8")


def find_faults(page, axe, *rules):
    """Return what axe-core finds on a page. A mail in a frame is a page of its own in the list."""
    page.evaluate(axe)
    return page.evaluate(FIND, list(rules) or None)


@pytest.fixture(scope="module")
def english():
    return English()


@contextmanager
def visit(showroom, shown, width, language):
    """Open a page and show it; afterwards nothing may have moved, and nothing complained."""
    complaints = Complaints()
    if shown.expected != 200:
        complaints.forgive(f"status of {shown.expected}")
    # Our watch of what moves is refused in the frame that shows a mail, as every script there.
    complaints.forgive("Blocked script execution in")
    with showroom.visit(shown, width, "light", language) as page:
        complaints.watch(page, showroom.address(shown))
        page.add_init_script(WATCH_SHIFTS)
        showroom.show(shown, page, in_a_hurry=True)
        yield page
    assert complaints.left() == []


def moves_of(page):
    """Return what moved by itself, if it can be seen."""
    shifts = page.evaluate("window.shifts")
    return shifts if sum(value for value, *_ in shifts) >= STILL else []


def make_telephone(page):
    """Give a page a telephone's screen without loading it anew."""
    wide, high = WIDTHS["360"]
    page.context.new_cdp_session(page).send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.set_viewport_size({"width": wide, "height": high})
    page.evaluate(PAINTED)


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_page_is_accessible_still_and_german(shown, showroom, axe, english):
    with visit(showroom, shown, "1280", BRITISH) as page:
        light = find_faults(page, axe)
        moves, overflow = moves_of(page), page.evaluate(OVERFLOW)
        page.emulate_media(color_scheme="dark")
        dark = find_faults(page, axe, "color-contrast")
        make_telephone(page)
        overflow_narrow = page.evaluate(OVERFLOW)
    assert (light, dark) == ([], [])
    assert (moves, overflow, overflow_narrow) == ([], 0, 0)

    if shown.path.startswith("/errors/"):  # made in English, once
        return
    with visit(showroom, shown, "360", GERMAN) as page:
        assert page.locator("html").get_attribute("lang") == "de"
        said = english.on(page)
        moves, overflow = moves_of(page), page.evaluate(OVERFLOW)
    assert (said, moves, overflow) == ([], [], 0)
