"""The pages in German: complete, compiled, and with German numbers and dates."""

import gettext
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import translation

import wattkeep
from wattkeep.web.browser_words import WORDS, browser_words
from wattkeep.web.wording import ago_text, labelled_days, number_text

PACKAGE = Path(wattkeep.__file__).parent
FOLDER = PACKAGE / "locale/de/LC_MESSAGES"
QUOTED = re.compile(r'^"(.*)"$', re.MULTILINE)
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)(?:msgid_plural (?:".*"\n)+)?msgstr', re.MULTILINE)
TAG = re.compile(r"{% translate \"([^\"]+)\"")


def placeholders(text):
    return sorted(re.findall(r"%\(\w+\)[sd]", text))


def written():
    """Return what the language file has an entry for."""
    text = (FOLDER / "django.po").read_text(encoding="utf-8")
    joined = ("".join(QUOTED.findall(block)) for block in ENTRY.findall(text))
    return {one.replace("\\n", "\n").replace('\\"', '"') for one in joined if one}


def compiled():
    with (FOLDER / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def test_every_entry_is_compiled():
    known = {one if isinstance(one, str) else one[0] for one in compiled()._catalog if one}

    assert written() == known


def test_every_word_of_the_templates_is_translated():
    templates = (PACKAGE / "web/templates").rglob("*.html")
    used = {
        word.replace("%", "%%")
        for path in templates
        for word in TAG.findall(path.read_text("utf-8"))
    }

    assert len(used) > 100
    assert sorted(used - written()) == []


def test_every_word_of_the_scripts_is_translated():
    assert sorted(set(WORDS) - written()) == []
    with translation.override("de"):
        assert json.loads(browser_words())["just now"] == "gerade eben"
    with translation.override("en"):
        assert browser_words() == ""


def test_placeholders_survive():
    for english, german in compiled()._catalog.items():
        # A plural may name more than its singular, which alone is the key.
        if isinstance(english, str) and english:
            assert placeholders(german) == placeholders(english), english


def test_numbers_and_dates_are_german():
    with translation.override("de"):
        assert number_text(1976.96, 2) == "1.977,0"
        assert number_text(None, 1) == "–"
        assert ago_text(timedelta(days=2)) == "vor 2 Tagen"
        assert labelled_days([{"date": "2026-03-03"}])[0]["label"] == "Di 3 Mär"


@pytest.mark.parametrize("address", ["/settings/", "/devices/", "/insights/", "/devices/add/"])
def test_pages_follow_the_browser(address, as_owner, device):
    page = as_owner.get(address, headers={"Accept-Language": "de"}).content.decode()

    assert '<html lang="de"' in page
    assert "data-words=" in page
    assert "Einstellungen" in page


def test_choice_outlives_the_browsers_wish(as_owner):
    response = as_owner.post("/language/", {"language": "de", "next": "/settings/"})
    page = as_owner.get("/settings/", headers={"Accept-Language": "en"}).content.decode()

    assert response.url == "/settings/"
    assert '<html lang="de"' in page
    as_owner.post("/language/", {"language": "en"})
    assert '<html lang="en"' in as_owner.get("/settings/").content.decode()


def test_other_languages_get_english(nobody, owner):
    page = nobody.get("/login/", headers={"Accept-Language": "fi"}).content.decode()

    assert '<html lang="en"' in page
    assert "data-words" not in page
