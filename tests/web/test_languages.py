"""The pages in German: complete, compiled, and with German numbers and dates."""

import gettext
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import messages
import pytest
from django.test import Client
from django.utils import translation

import wattkeep
from wattkeep.alerts.wording import OWN_NAMES, duration
from wattkeep.domain.default_rules import device_rules, site_rule
from wattkeep.monitoring.languages import language_of, speak_to
from wattkeep.web.browser_words import WORDS, browser_words
from wattkeep.web.wording import ago_text, labelled_days, number_text

PACKAGE = Path(wattkeep.__file__).parent
FOLDER = PACKAGE / "locale/de/LC_MESSAGES"


HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"'


def placeholders(text):
    return sorted(re.findall(r"%\(\w+\)[sd]", text))


def compiled():
    with (FOLDER / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po")), ids=str)
def test_every_text_is_translated_and_compiled_and_nothing_is_left_over(path):
    used = messages.extract()

    assert len(used) > 900
    assert "\n".join(messages.check(path, used)) == ""


def test_doubtful_text_counts_as_not_translated(tmp_path):
    path = tmp_path / "django.po"
    entries = [messages.Entry("One", said=("Eins",), is_doubtful=True), messages.Entry("Two")]
    messages.write_po(path, HEAD, entries)
    path.with_suffix(".mo").write_bytes(messages.compile_mo(HEAD, entries))

    assert messages.read_po(path) == (HEAD, [entries[0], replace(entries[1], said=("",))])
    assert messages.check(path, entries) == ["not translated: 'One'", "not translated: 'Two'"]


def test_words_of_the_scripts_are_handed_over():
    assert sorted(messages.texts_of_scripts() - set(WORDS)) == []
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
        assert labelled_days([{"date": "2026-03-03"}])[0]["label"] == "Di 3. Mär"


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


def test_choice_goes_along_into_another_browser(as_owner, owner):
    as_owner.post("/language/", {"language": "de", "next": "/settings/"})
    elsewhere = Client(headers={"Accept-Language": "en"})
    elsewhere.force_login(owner)

    assert '<html lang="de"' in elsewhere.get("/no/such/page/").content.decode()
    assert language_of(owner.pk) == "de"
    as_owner.post("/language/", {"language": "", "next": "/settings/"})
    assert '<html lang="en"' in elsewhere.get("/settings/").content.decode()


def test_messages_are_in_the_browsers_language_where_none_was_chosen(as_owner, owner):
    as_owner.get("/settings/", headers={"Accept-Language": "de"})

    assert language_of(owner.pk) == "de"
    with speak_to(owner.pk):
        assert duration(2 * 86_400) == "2 Tage"


@pytest.mark.parametrize(
    "body", [{"language": "tlh"}, {"language": "de", "next": "//evil.example/"}]
)
def test_language_nobody_speaks_and_foreign_addresses_are_not_followed(body, as_owner, owner):
    answer = as_owner.post("/language/", body)

    assert answer.url == "/"
    assert language_of(owner.pk) == ("de" if body["language"] == "de" else "en")


def test_other_languages_get_english(nobody, owner):
    page = nobody.get("/login/", headers={"Accept-Language": "fi"}).content.decode()

    assert '<html lang="en"' in page
    assert "data-words" not in page


def test_names_of_own_rules_are_known_to_the_languages():
    assert {rule.name for rule in [*device_rules(23_000, 5_000), site_rule()]} == OWN_NAMES
