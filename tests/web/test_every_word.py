"""No page says anything that a language file cannot say.

Every text of the catalogues is put between marks, as if that were a language; what a page then
shows outside of them was written into it as it is.
"""

import gettext
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import allauth
import django
import messages
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import translation

from alerts.telling import make_channel
from stored import hear, store_counter
from wattkeep.alerts.notify_links import ACKNOWLEDGE, Link, sign
from wattkeep.alerts.notify_text import compose
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    Alert,
    AlertRule,
    MeterEvent,
    Notification,
    PersonLanguage,
    Role,
    Site,
    SiteMember,
)
from wattkeep.monitoring.sharing import invite, make_link
from wattkeep.web.browser_words import WORDS
from web.log_lines import note_everything

LANGUAGE = "de"
OPEN, CLOSE = "⟦", "⟧"
# Names, addresses and units are the same in every language.
PROPER = {
    "API", "Apprise", "Arduino", "BotFather", "CSV", "ESP", "ESPHome", "Europe", "GND", "Home",
    "JSON", "Modbus", "NodeMCU", "POST", "PZEM", "QR", "STARTTLS", "TLS", "TX", "RX", "Tasmota",
    "Telegram", "UTC", "UART", "USB", "Wattkeep", "WebQuery", "Webhook", "Wi", "Fi", "curl",
    "NDJSON", "ntfy", "owner", "http", "https", "html",
}  # fmt: skip
UNITS = {
    "W", "kW", "kWh", "Wh", "V", "A", "Hz", "VA", "s", "min", "h", "d", "y", "B", "kB", "MB",
    "GB", "KiB", "dBm", "GMT",
}  # fmt: skip
SILENT = {"script", "style", "code", "pre", "datalist", "template"}
SPOKEN = {"aria-label", "aria-valuetext", "title", "placeholder", "alt", "data-busy"}
INSIDE = re.compile(rf"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
WORD = re.compile(r"[A-Za-z]{2,}")
PHRASE = re.compile(r"[A-Za-z][A-Za-z'\u2019,.:;()/ -]*")


def marked(text):
    return f"{OPEN}{text}{CLOSE}"


@pytest.fixture(scope="module")
def marked_texts(tmp_path_factory):
    """Return a folder of languages with one that puts marks around every text."""
    texts = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    }
    root = Path(django.__file__).parent
    folders = [root / "conf", *root.glob("contrib/*"), Path(allauth.__file__).parent]
    for path in [one for folder in folders for one in folder.glob("locale/de/**/*.mo")]:
        with path.open("rb") as file:
            known = gettext.GNUTranslations(file)._catalog
        for key in known:
            one = key if isinstance(key, str) else key[0]
            if one:
                texts[key if isinstance(key, str) else f"{one}\0{one}"] = (
                    marked(one) if isinstance(key, str) else f"{marked(one)}\0{marked(one)}"
                )
    for entry in messages.extract():
        if entry.plural:
            both = f"{marked(entry.text)}\0{marked(entry.plural)}"
            texts[f"{entry.text}\0{entry.plural}"] = both
        else:
            texts[entry.text] = marked(entry.text)
    root = tmp_path_factory.mktemp("locale")
    folder = root / LANGUAGE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(messages.pack(texts))
    return root


@pytest.fixture
def _marked_language(settings, marked_texts):
    """Stand that language in German's place."""
    settings.LOCALE_PATHS = [marked_texts]
    yield
    translation.deactivate()


class Said(HTMLParser):
    """Gathers what a page says: its text, and what is read out or shows up of its elements."""

    def __init__(self):
        super().__init__()
        self.texts = [""]
        self._silent = []

    def handle_starttag(self, tag, attrs):
        self.texts += [value for name, value in attrs if name in SPOKEN and value]
        if tag == "meta":
            return
        if tag in SILENT or dict(attrs).get("lang"):
            self._silent.append(tag)

    def handle_endtag(self, tag):
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data):
        if not self._silent or self._silent == ["html"]:
            self.texts[0] += f" {data}"


def unmarked(page):
    """Return what a page says outside the marks."""
    said = Said()
    said.feed(page)
    found = set()
    for text in said.texts:
        left, count = " ".join(text.split()), 1
        while count:
            left, count = INSIDE.subn("|", left)
        phrases = (place[0].strip() for place in PHRASE.finditer(left))
        found |= {one for one in phrases if set(WORD.findall(one)) - PROPER - UNITS}
    return found


@pytest.fixture
def home(owner, device):
    """Fill a home: a sub-meter, days of readings, a gap, a correction, an incident, a board."""
    now = datetime.now(UTC).replace(microsecond=0)
    Site.objects.filter(owner=owner).update(name="Ω", price_per_kwh="0.32", currency="€")
    device.name, device.location = "Ωα", "Ωλ"
    device.save()
    child = create_device(owner, "Ωβ", parent=device)[0]
    create_device(owner, "Ωγ")
    for one, kwh in ((device, 100.0), (child, 10.0)):
        points = [(now - timedelta(minutes=20 * n), kwh - n / 1000) for n in range(5 * 72)]
        store_counter(one, *(p for n, p in enumerate(points) if not 100 < n < 120))
        hear(one, now)
        update_device(one.pk, now)
    start = (now - timedelta(days=3)).replace(minute=0, second=0)
    set_correction(device, Wish(start, start + timedelta(hours=1), 500.0, "Ω"), owner, now)
    set_correction(
        device,
        Wish(start - timedelta(hours=3), start - timedelta(hours=2), None, "Ω"),
        owner,
        now,
    )
    for number, kind in enumerate(MeterEvent.Kind):
        at = start + timedelta(hours=5, minutes=number)
        MeterEvent.objects.get_or_create(
            device=device,
            kind=kind,
            timestamp=at,
            defaults={"until": at, "before_wh": 5.0, "after_wh": 1.0, "energy_wh": 3.0},
        )
    channel = make_channel(owner, name="Ωk", last_error="Ω")
    for rule in device.rules.all():
        alert = Alert.objects.create(
            device=device, rule=rule, alert_type=rule.alert_type, message="Ω", value=6543,
            peak_value=7120, created_at=now - timedelta(hours=1), noticed_at=now,
            is_resolved=rule.pk % 2 == 0, resolved_at=now if rule.pk % 2 == 0 else None,
        )  # fmt: skip
        Notification.objects.create(
            channel=channel, alert=alert, kind="opened", created_at=now, not_before=now,
            failed_at=now, error="Ω",
        )  # fmt: skip
    return {
        **share(owner, device),
        "device": device,
        "child": child,
        "channel": channel,
        "start": start,
        "now": now,
    }


def share(owner, device):
    """Share the home with somebody, by invitations and by links; return what opens them."""
    site = device.site
    guest = get_user_model().objects.create_user("Ωg")
    SiteMember.objects.create(site=site, user=guest, role=Role.EDITOR)
    theirs = Site.objects.create(owner=guest, name="Ωs")
    SiteMember.objects.create(site=theirs, user=owner, role=Role.VIEWER)
    invite(Site.objects.create(owner=guest, name="Ωo"), Role.EDITOR, guest, user_name="owner")
    offer, links = invite(site, Role.VIEWER, owner)[1], [make_link(site, None, owner, days=7)[1]]
    links.append(make_link(site, device, owner, days=1, name="Ωn")[1])
    note_everything(device)
    return {"offer": offer, "links": links}


def addresses(home):
    """Return every page of a person's own, each with what it is asked for."""
    device, start = home["device"].pk, home["start"]
    span = f"start={start:%Y-%m-%dT%H:%M:%SZ}&end={start + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    events = f"start={start:%Y-%m-%dT%H:%M:%SZ}&end={start + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
    incident = Alert.objects.filter(is_resolved=False).first().pk
    over = Alert.objects.filter(is_resolved=True).first().pk
    own = AlertRule.objects.filter(device_id=device).order_by("pk")
    names = ["edit", "key", "check", "swap", "delete", "corrections", "board"]
    return [
        "/",
        "/devices/",
        "/devices/add/",
        "/settings/",
        "/settings/storage/",
        "/password/",
        f"/devices/{device}/",
        *(f"/devices/{device}/{name}/" for name in names),
        "/energy/",
        *(f"/energy/?span={span}" for span in ("day", "week", "year", "all")),
        f"/energy/?device={device}&span=month&compare=before&date={start:%Y-%m-%d}",
        "/energy/?span=week&compare=year",
        "/energy/?span=day&date=2001-01-01",
        f"/energy/why/?device={device}&{span}&by=hour",
        f"/energy/why/?device={device}&{events}&by=hour",
        f"/energy/why/?site={home['device'].site_id}&{span}&by=hour",
        f"/energy/correct/?device={device}&{span}",
        "/history/",
        f"/history/?device={device}&metric=power&metric=voltage",
        "/exports/",
        f"/insights/?device={device}",
        f"/insights/voltage/?device={device}",
        "/alerts/",
        f"/alerts/{incident}/",
        f"/alerts/{over}/",
        f"/alerts/?device={device}&before={over}",
        "/alerts/rules/",
        "/alerts/rules/add/",
        *(f"/alerts/rules/{rule.pk}/" for rule in own),
        "/alerts/channels/",
        f"/alerts/channels/{home['channel'].pk}/",
        *(
            f"/alerts/channels/add/{way}/"
            for way in ("email", "telegram", "ntfy", "webhook", "other", "browser")
        ),
        "/alerts/reports/",
        "/alerts/reports/?period=month",
        "/alerts/reports/mail/",
        *(f"/account/{name}" for name in ("", "tokens/", "invitations/", "again/")),
        "/sharing/",
        "/sharing/audit/",
        *(f"/sharing/{home['device'].site_id}/{name}/" for name in ("members", "links")),
        "/join/none/",
        f"/join/{home['offer']}/",
        "/v/none/",
        *(f"/v/{token}/" for token in home["links"]),
    ]


@pytest.fixture
def reader(as_owner, owner):
    PersonLanguage.objects.filter(user=owner).update(language=LANGUAGE, is_chosen=True)
    as_owner.raise_request_exception = True
    return as_owner


def look(client, address, data=None):
    answer = client.post(address, data, follow=True) if data else client.get(address)
    return [f"{address}: {one}" for one in sorted(unmarked(answer.content.decode()))]


@pytest.mark.usefixtures("_marked_language")
def test_pages_say_nothing_but_what_can_be_translated(reader, home):
    assert "\n".join([one for address in addresses(home) for one in look(reader, address)]) == ""


FORMS = {
    "/devices/add/": {"name": ""},
    "/settings/": {"name": "", "time_zone": "Ω/Ω", "price_per_kwh": "-1"},
    "/password/": {"old_password": "Ω", "new_password1": "1", "new_password2": "2"},
    "/devices/{device}/edit/": {"name": "", "interval_s": "0"},
    "/devices/{device}/swap/": {"at": "2190-01-01T00:00"},
    "/devices/{device}/delete/": {"name": "Ω"},
    "/devices/{device}/corrections/": {
        "start": "2026-01-01T00:07",
        "end": "2026-01-01T00:00",
        "reason": "Ω",
    },
    "/devices/{device}/board/": {"interval_s": "0", "display": "Ω", "contrast": "999"},
    "/alerts/rules/add/": {
        "place": "Ω",
        "metric": "power",
        "comparison": "below",
        "threshold": "-1",
        "hold_s": "Ω",
        "recovery_threshold": "-5",
        "quiet_from": "10:00",
    },
    "/alerts/channels/add/email/": {
        "name": "",
        "server": "a@b",
        "recipient": "Ω",
        "port": "99999999",
    },
    "/alerts/channels/add/other/": {
        "name": "Ω",
        "url": "syslog://",
        "minimum_severity": "20",
        "daily_cap": "3",
    },
    "/alerts/channels/add/webhook/": {"name": "Ω", "address": "Ω"},
}


@pytest.mark.usefixtures("_marked_language")
def test_forms_refuse_in_words_that_can_be_translated(reader, home):
    paths = [(one.format(device=home["device"].pk), FORMS[one]) for one in FORMS]

    assert "\n".join([one for path, typed in paths for one in look(reader, path, typed)]) == ""


DEEDS = {
    "/alerts/{alert}/act/": [{"do": "acknowledge"}, {"do": "snooze-4"}, {"do": "resolve"}],
    "/alerts/rules/{rule}/switch/": [{"do": "off"}, {"do": "on"}, {"do": "delete"}],
    "/devices/{device}/board/": [{"command": "reboot"}, {"command": "reset_energy"}],
    "/alerts/rules/{rule}/": [{"do": "try"}],
    "/alerts/channels/{channel}/act/": [{"do": "delete"}],
    "/language/": [{"language": "de", "next": "/settings/"}],
}


@pytest.mark.usefixtures("_marked_language")
def test_deeds_are_answered_in_words_that_can_be_translated(reader, home):
    names = {
        "device": home["device"].pk,
        "channel": home["channel"].pk,
        "rule": home["device"].rules.first().pk,
        "alert": Alert.objects.filter(is_resolved=False).first().pk,
    }
    deeds = [(path.format(**names), deed) for path in DEEDS for deed in DEEDS[path]]

    assert "\n".join([one for path, deed in deeds for one in look(reader, path, deed)]) == ""


@pytest.mark.usefixtures("_marked_language")
def test_pages_of_those_without_a_device_can_be_translated(db):
    user = get_user_model().objects.create_user("owner", is_staff=True)
    PersonLanguage.objects.create(user=user, language=LANGUAGE, is_chosen=True)
    client = Client()
    client.force_login(user)
    paths = ["/devices/", "/energy/", "/history/", "/insights/", "/alerts/", "/alerts/rules/",
             "/alerts/channels/", "/alerts/reports/", "/firmware/", "/no/such/page/"]  # fmt: skip

    assert "\n".join([one for path in paths for one in look(client, path)]) == ""


@pytest.mark.usefixtures("_marked_language")
def test_pages_before_the_login_can_be_translated(owner, home):
    client = Client(headers={"Accept-Language": LANGUAGE})
    token = sign(Link(ACKNOWLEDGE, owner.pk, (Alert.objects.first().pk,)))
    failed = {"username": "owner", "password": "Ω"}

    found = [
        one
        for path in ("/login/", "/register/", "/l/none/", f"/l/{token}/")
        for one in look(client, path)
    ]

    assert [
        *found,
        *look(client, "/login/", failed),
        *look(client, f"/l/{token}/", {"do": "yes"}),
    ] == []


@pytest.mark.usefixtures("_marked_language")
def test_messages_can_be_translated(home):
    with translation.override(LANGUAGE):
        texts = [compose(list(Notification.objects.filter(alert__isnull=False)))]
        texts += [compose([row]) for row in Notification.objects.filter(alert__isnull=False)]

    assert (
        "\n".join([one for text in texts for one in unmarked(f"{text.subject}\n{text.body}")]) == ""
    )


def test_scripts_ask_for_no_word_they_are_not_given():
    assert sorted(messages.texts_of_scripts() - set(WORDS)) == []
