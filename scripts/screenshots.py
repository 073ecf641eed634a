"""Pictures every page at two widths, light and dark: `make screenshots`.

The few that README and docs show go to docs/images; all of them go to the folder of --all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Error, sync_playwright
from shown_pages import PAGES
from showroom import THEMES, WIDTHS, Showroom

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
# What the pages of docs/ show, in which looks.
IN_DOCS = {
    "overview": ("1280-light", "1280-dark"),
    "energy-week": ("1280-light", "1280-dark"),
    "energy-why": ("1280-light",),
    "incident": ("1280-light",),
    "insights": ("1280-light",),
    "device": ("360-dark", "360-light"),
}
COLOURS = 256
HIGHEST = 4_000


def main() -> None:
    """Make the pictures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", choices=WIDTHS, action="append")
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--page", choices=[one.name for one in PAGES], action="append")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="Keep every picture there.")
    options = parser.parse_args()
    looks = [(w, t) for w in options.width or WIDTHS for t in options.theme or THEMES]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        showroom = Showroom(Path(folder), browser, scale=2)
        failed = []
        try:
            for shown in PAGES:
                if options.page and shown.name not in options.page:
                    continue
                for width, theme in looks:
                    look = f"{width}-{theme}"
                    is_in_docs = look in IN_DOCS.get(shown.name, ())
                    if not (options.all or is_in_docs) or (shown.paper and theme == "dark"):
                        continue
                    with showroom.visit(shown, width, theme) as page:
                        try:
                            showroom.show(shown, page)
                        except (AssertionError, Error) as error:
                            failed.append(f"{shown.name} {look}: {error}")
                        keep(page, f"{shown.name}-{look}", options.all, is_in_docs=is_in_docs)
        finally:
            showroom.close()
        browser.close()
    if failed:
        sys.exit("screenshots: not as they should be:\n" + "\n".join(failed))


def chromium() -> str:
    """Return Chromium's path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        sys.exit("screenshots: there is no Chromium on PATH.")
    return path


def keep(page: Page, name: str, everything: Path | None, *, is_in_docs: bool) -> None:
    """Write what a page shows, in few colours: a tenth of the size."""
    # As high as the page, so that what sticks to the lower edge is there.
    width = page.viewport_size["width"] if page.viewport_size else 0
    height = page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
    if not page.locator("dialog[open]").count():
        page.set_viewport_size({"width": width, "height": min(height, HIGHEST)})
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    small = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    for folder in [everything] * (everything is not None) + [IMAGES] * is_in_docs:
        folder.mkdir(parents=True, exist_ok=True)
        small.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
