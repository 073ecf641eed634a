"""Makes the app's PNG icons from its SVG, with the Chromium on PATH."""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ICONS = Path(__file__).resolve().parent.parent / "frontend/src/icons"
# Name, size, and how much of it the drawing takes: what masks cut off is background.
WANTED = (
    ("icon-180.png", 180, 1.0),
    ("icon-192.png", 192, 1.0),
    ("icon-512.png", 512, 1.0),
    ("icon-maskable-512.png", 512, 0.72),
)
BACKGROUND = "#1c1917"


def main() -> None:
    """Write every icon."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("make_icons: there is no Chromium on PATH.")
    drawing = (ICONS / "favicon.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, size, share in WANTED:
            page = browser.new_page(viewport={"width": size, "height": size})
            background = BACKGROUND if share < 1 else "transparent"
            page.set_content(
                f"<style>body{{margin:0;background:{background};display:grid;place-items:center;"
                f"height:100vh}}svg{{width:{share:.0%};height:{share:.0%}}}</style>{drawing}"
            )
            picture = Image.open(BytesIO(page.screenshot(omit_background=True)))
            picture.quantize(64, Image.Quantize.FASTOCTREE).save(ICONS / name, optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
