"""What is English on a German page: the texts that the catalogue has another word for."""

import gettext
import re
from pathlib import Path

import wattkeep

CATALOGUE = Path(wattkeep.__file__).parent / "locale/de/LC_MESSAGES/django.mo"
PLACE = re.compile(r"%\(\w+\)[sd]|%%")
# Each text and each thing that is read out, as it stands in the page.
GATHER = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: parent, data } = walker.currentNode;
    const silent = "script, style, pre, code, option, template, [data-message], [lang]:not(html)";
    if (!parent.closest(silent)) texts.push(data);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext"]) {
    for (const one of document.querySelectorAll(`[${name}]`)) texts.push(one.getAttribute(name));
  }
  return texts.map((text) => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""
# Stored when it happened, in the language that was read then; and names that people gave.
STORED = re.compile(r" \(limit |^Mains: |^Network: |devices is heard|^This browser$")


class English:
    """The catalogue's texts that are English and not German as well."""

    def __init__(self):
        with CATALOGUE.open("rb") as file:
            known = gettext.GNUTranslations(file)._catalog
        pairs = [(one if isinstance(one, str) else one[0], said) for one, said in known.items()]
        german = {" ".join(said.split()) for _, said in pairs}
        texts = {
            text
            for text, said in pairs
            if text not in ("", said)
            and text not in german
            and len(PLACE.sub("", text).split()) > text.count("%(")
        }
        self._patterns = [pattern_of(text) for text in texts if PLACE.search(text)]
        self._texts = {plain(text) for text in texts if not PLACE.search(text)}

    def on(self, page):
        """Return what a page says in English."""
        return [
            text
            for text in sorted(set(page.evaluate(GATHER)))
            if not STORED.search(text)
            and (text in self._texts or any(one.fullmatch(text) for one in self._patterns))
        ]


def plain(text):
    """Return a text as a page shows it."""
    return " ".join(re.sub("<[^>]*>", "", text).split())


def pattern_of(text):
    """Return what a text looks like with anything in its places."""
    return re.compile(".+?".join(map(re.escape, PLACE.split(plain(text)))))
