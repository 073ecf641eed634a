"""The audit log: what is written, who may read it, as what file, for how long."""

import ast
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

import wattkeep
from running import PASSWORD
from wattkeep.api.audited import TOLD_TO
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.audit import KEPT_FOR, Subject, changes, forget_old, note, words_of
from wattkeep.monitoring.audit_words import Told, in_words, pack, tell
from wattkeep.monitoring.devices import replace_key
from wattkeep.monitoring.models import AccessToken, AlertRule, AuditEntry, PersonLanguage
from wattkeep.web.account_adapters import DEEDS_BY_MAIL
from wattkeep.web.audit_wording import DEEDS

JSON = "application/json"
PACKAGE = Path(wattkeep.__file__).parent


def newest():
    entry = AuditEntry.objects.order_by("-pk").first()
    return (entry.subject, entry.thing, entry.deed, in_words(entry.details))


def told(client):
    return [row["deed"] for row in client.get("/api/v1/audit/").json()["results"]]


def file_of(client):
    answer = client.get("/api/v1/audit.csv")
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_change_is_told_before_and_after(device, as_owner):
    as_owner.patch(f"/api/v1/devices/{device.pk}/", {"name": "Flat", "interval_s": 5}, JSON)

    assert newest() == ("device", "Flat", "changed", "Name: House → Flat\nInterval (s): 10 → 5")
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.address, entry.site) == ("owner", "127.0.0.1", device.site)
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=5)


def test_deeds_are_told_wherever_they_are_done(device, as_owner):
    rule = AlertRule.objects.filter(device=device).first()
    as_owner.post(reverse("web:rule_switch", args=[rule.pk]), {"do": "off"})
    as_owner.delete(f"/api/v1/rules/{rule.pk}/")
    as_owner.post(reverse("web:board", args=[device.pk]), {"command": "reboot"})
    as_owner.post(
        "/api/v1/channels/",
        {"name": "Phone", "url": "json://user:hunter22@push.example"},
        JSON,
    )
    as_owner.post(
        f"/api/v1/devices/{device.pk}/corrections/",
        {
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-01T01:00:00Z",
            "consumption": 1.5,
            "reason": "Sun storm",
        },
        JSON,
    )
    as_owner.delete(f"/api/v1/devices/{device.pk}/", {"name": "House"}, JSON)

    found = list(AuditEntry.objects.order_by("pk").values_list("subject", "deed"))
    assert found == [
        ("rule", "switched off"),
        ("rule", "deleted"),
        ("board", "told: Restart the board"),
        ("channel", "added"),
        ("correction", "set"),
        ("device", "deleted"),
    ]
    details = "\n".join(map(in_words, AuditEntry.objects.values_list("details", flat=True)))
    assert "01:00 to 2026-01-01 02:00: 1.500 kWh\nReason: Sun storm" in details
    assert "hunter22" not in details


def test_no_secret_is_ever_told(device):
    before = words_of(device)
    key = replace_key(device)
    after = words_of(device)
    secrets = [bytes(device.key_hash).hex(), key, key.partition("_")[2]]

    assert not any(secret in str([before, after]) for secret in secrets)
    assert [str(line) for line in changes(before, after)] == [
        f"Key prefix: {before['Key prefix']} → {after['Key prefix']}"
    ]


def test_lines_are_read_by_the_sites_owner_and_by_whom_they_are_about(
    device, owner, stranger, as_owner, as_stranger
):
    note(None, Subject.SITE, "at the owner's site", on=device.site)
    note(None, Subject.LOGIN, "of the stranger's account", on=stranger)
    note(None, Subject.FIRMWARE, "of the installation")

    assert told(as_owner) == ["at the owner's site"]
    assert told(as_stranger) == ["of the stranger's account"]


def test_lines_are_stored_in_no_language(device, owner, as_owner):
    PersonLanguage.objects.filter(user=owner).update(language="de", is_chosen=True)
    rule = AlertRule.objects.filter(device=device).first()
    as_owner.post(reverse("web:board", args=[device.pk]), {"command": "reboot"})
    as_owner.post(reverse("web:rule_switch", args=[rule.pk]), {"do": "off"})
    note(None, Subject.RULE, "changed", on=device, details=changes({}, words_of(rule)))

    stored = "".join(f"{one.deed}{one.details}" for one in AuditEntry.objects.all())
    page = as_owner.get(reverse("web:audit")).content.decode()
    told = as_owner.get("/api/v1/audit/").json()["results"]

    assert (rule.get_severity_display(), "told: Restart the board" in stored) == ("Warning", True)
    assert "Dringlichkeit: – → Warnung" in page
    assert "Severity: – → Warning" in told[0]["details"].splitlines()


@pytest.mark.parametrize(
    "stored", ["Name: House → Flat", "17", "[17]", "[[1]]", '[["a",3]]', "{", ""]
)
def test_lines_from_before_are_shown_as_they_are(stored):
    assert in_words(stored) == stored


def test_names_in_lines_are_nothing_but_names():
    name = '[["%(what)s",{}]] %s %(x)s'

    assert in_words(pack(tell("%(what)s: %(before)s", what=Told("Name"), before=name))) == (
        f"Name: {name}"
    )
    assert in_words(pack(name)) == name


def test_every_deed_can_be_said_in_every_language():
    """A deed that is made up of others' words would be shown as it was written."""
    known = {*DEEDS, *TOLD_TO.values()}
    noted = {
        one.value
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and re.match("_?note", getattr(call.func, "id", ""))
        for argument in call.args[2:4]
        for one in ast.walk(argument)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value
    }

    assert len(noted) > 30
    assert sorted(noted - known - {"made, may "}) == []
    assert {f"made, may {scope}" for scope in AccessToken.Scope.values} <= known
    assert set(DEEDS_BY_MAIL.values()) <= known


def test_lines_are_looked_through(device, as_owner):
    note(None, Subject.SITE, "one", on=device.site)
    note(None, Subject.DEVICE, "two", on=device)
    note(None, Subject.DEVICE, "three", on=device)
    AuditEntry.objects.filter(deed="three").update(at=datetime.now(UTC) - timedelta(days=9))

    def shown(query):
        page = as_owner.get(f"{reverse('web:audit')}?{query}")
        return [row.deed for row in page.context["rows"]]

    assert shown("") == ["three", "two", "one"]
    assert shown("subject=device") == ["three", "two"]
    assert shown(f"until={datetime.now(UTC).date() - timedelta(days=5)}") == ["three"]
    assert shown("actor=nobody+of+this+name") == []
    assert shown("subject=nonsense") == ["three", "two", "one"]


def test_pages_go_on_where_the_last_one_ended(device, as_owner):
    for number in range(5):
        note(None, Subject.SITE, f"deed {number}", on=device.site)

    first = as_owner.get("/api/v1/audit/?limit=2").json()
    second = as_owner.get(f"/api/v1/audit/?limit=2&before={first['next_before']}").json()

    assert [row["deed"] for row in first["results"] + second["results"]] == [
        "deed 4", "deed 3", "deed 2", "deed 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1", '"=1', "a,=1\n=2"]
)
def test_no_cell_of_the_file_is_a_formula(name, device, as_owner):
    note(None, Subject.DEVICE, name, on=device, name=name, details=name)

    [row] = file_of(as_owner)

    assert row["deed"].lstrip("'") == name
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) for cell in row.values()
    )


def test_file_has_every_line(device, as_owner):
    AuditEntry.objects.bulk_create(
        AuditEntry(subject="site", site=device.site, deed=str(number)) for number in range(1201)
    )

    assert [row["deed"] for row in file_of(as_owner)] == [str(n) for n in range(1200, -1, -1)]


def test_lines_go_after_two_years(device):
    note(None, Subject.SITE, "old", on=device.site)
    now = datetime.now(UTC)

    assert forget_old(now + KEPT_FOR - timedelta(hours=1)) == 0
    assert forget_old(now + KEPT_FOR + timedelta(hours=1)) == 1


def test_line_outlives_what_it_tells_of(device, owner, as_owner):
    as_owner.patch(f"/api/v1/devices/{device.pk}/", {"name": "Flat"}, JSON)
    device.delete()
    device.site.delete()
    owner.delete()

    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.thing, entry.actor, entry.site) == ("owner", "Flat", None, None)


def test_what_is_changed_in_the_administration_is_told(device):
    staff = create_account("staff", PASSWORD, is_admin=True)
    client = Client()
    client.force_login(staff)
    page = client.get(f"/admin/monitoring/site/{device.site_id}/change/")
    fields = {name: value or "" for name, value in page.context["adminform"].form.initial.items()}

    answer = client.post(
        f"/admin/monitoring/site/{device.site_id}/change/", {**fields, "name": "Castle"}
    )

    assert answer.status_code == 302
    assert newest() == ("admin", "Castle", "changed", "Site\nChanged: Name")
    assert AuditEntry.objects.get(subject="admin").site == device.site
