"""One household with everything in it, under words that stand nowhere else."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.test import Client

from running import PASSWORD
from stored import store
from wattkeep.alerts.notify_channels import set_address
from wattkeep.alerts.notify_links import Link, sign
from wattkeep.boards.commands import queue_command
from wattkeep.history.exports import Wish, order
from wattkeep.history.preparing import prepare_due
from wattkeep.monitoring.access import SEES_ALL_UNTIL, Principal
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.invitations import make_invitation
from wattkeep.monitoring.models import (
    AccessToken,
    Alert,
    AlertRule,
    Correction,
    Notification,
    NotificationChannel,
    Role,
    Site,
    SiteMember,
)
from wattkeep.monitoring.sharing import invite, make_link
from wattkeep.monitoring.tokens import make_token

# What every member may read, and nobody else.
SHARED_WORDS = {
    "owner's name": "quagmirella",
    "site": "Zwiebelturm",
    "device": "Fjordkessel",
    "location": "Kohlenrutsche",
    "rule": "Pfauenalarm",
    "incident": "Wolpertinger",
    "correction": "Mondfinsternis",
}
# What the owner alone may read; a device's key prefix joins them.
OWNERS_WORDS = {
    "e-mail": "quagga@nirgendwo.example",
    "channel": "Brieftaube",
    "address of a channel": "taubenschlag",
    "message": "Flaschenpost",
    "token": "Dietrich",
    "viewer link": "Guckloch",
    "invitation": "erbtante",
    "log": "Tintenfass",
}
NOBODYS = 999_999


@dataclass
class Planted:
    """The household, by the names that addresses use for its numbers."""

    numbers: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    key_prefix: str = ""
    personas: dict = field(default_factory=dict)


def plant():
    """Store the household and everybody who might ask for it."""
    found = Planted()
    people = {
        "stranger": create_account("stranger", PASSWORD),
        "viewer": create_account("viewer", PASSWORD),
        "editor": create_account("editor", PASSWORD),
        "owner": create_account(
            SHARED_WORDS["owner's name"], PASSWORD, email=OWNERS_WORDS["e-mail"]
        ),
        "staff": create_account("staff", PASSWORD, is_admin=True),
    }
    owner = people["owner"]
    site = Site.objects.get(owner=owner)
    site.name = SHARED_WORDS["site"]
    site.save()
    device, key = create_device(
        owner, SHARED_WORDS["device"], location=SHARED_WORDS["location"], interval_s=10
    )
    found.key_prefix = device.key_prefix
    members = {
        name: SiteMember.objects.create(site=site, user=people[name], role=role)
        for name, role in (("viewer", Role.VIEWER), ("editor", Role.EDITOR))
    }
    now = datetime.now(UTC)
    store(device, now - timedelta(seconds=2))
    found.numbers = {
        "device_id": device.pk,
        "site_id": site.pk,
        "member_id": members["viewer"].pk,
        "session_id": NOBODYS,
        **_plant_alerts(owner, device, now),
        **_plant_figures(owner, device, now),
        "export_id": _plant_export(owner, device, now),
        **_plant_secrets(found, owner, site, people["staff"]),
    }
    found.tokens["l/"] = sign(Link("acknowledge", owner.pk, (found.numbers["alert_id"],)))
    found.personas = _personas(people, owner, key, found.tokens["v/"])
    return found


def _plant_alerts(owner, device, now):
    rule = AlertRule.objects.filter(device=device, metric="power").first()
    rule.name = SHARED_WORDS["rule"]
    rule.save()
    alert = Alert.objects.create(
        device=device,
        rule=rule,
        alert_type=rule.alert_type,
        message=SHARED_WORDS["incident"],
        value=1,
        created_at=now - timedelta(hours=1),
    )
    channel = NotificationChannel(user=owner, name=OWNERS_WORDS["channel"])
    set_address(channel, f"json://{OWNERS_WORDS['address of a channel']}.invalid/")
    channel.kind = NotificationChannel.Kind.BROWSER  # a test of it leaves this machine alone
    channel.save()
    message = Notification.objects.create(
        channel=channel,
        alert=alert,
        kind=Notification.Kind.OPENED,
        subject=OWNERS_WORDS["message"],
        created_at=now,
        not_before=now,
        failed_at=now,
        error="no route",
    )
    return {
        "rule_id": rule.pk,
        "alert_id": alert.pk,
        "channel_id": channel.pk,
        "notification_id": message.pk,
    }


def _plant_figures(owner, device, now):
    quarter = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    correction = Correction.objects.create(
        device=device,
        start=quarter,
        end=quarter + timedelta(minutes=15),
        energy_wh=100,
        reason=SHARED_WORDS["correction"],
        author=owner,
    )
    command, _ = queue_command(device.pk, "reboot", owner)
    return {"correction_id": correction.pk, "command_id": command.pk}


def _plant_export(owner, device, now):
    wish = Wish(device.name, [device], "readings", "csv", now - timedelta(days=1), now)
    made = order(Principal(owner), wish, now)
    list(prepare_due(now))
    return made.pk


def _plant_secrets(found, owner, site, staff):
    token, _ = make_token(owner, OWNERS_WORDS["token"], scope="read", expires_at=_in(days=1))
    link, found.tokens["v/"] = make_link(
        site, None, owner, days=1, name=OWNERS_WORDS["viewer link"]
    )
    invitation, found.tokens["join/"] = invite(site, Role.VIEWER, owner)
    invite(site, Role.VIEWER, owner, user_name=OWNERS_WORDS["invitation"])
    _, found.tokens["invited/"] = make_invitation(staff)
    note(None, Subject.SITE, "settings changed", on=site, details=OWNERS_WORDS["log"])
    return {"token_id": token.pk, "link_id": link.pk, "invitation_id": invitation.pk}


def _personas(people, owner, key, link_token):
    """Return name → a browser or program that asks as that persona."""
    found = {"nobody": Client()}
    for name, user in people.items():
        found[name] = Client()
        found[name].force_login(user)
    session = found["staff"].session
    session[SEES_ALL_UNTIL] = _in(days=1).timestamp()
    session.save()
    for name, scope in (("read token", "read"), ("write token", "write"), ("admin token", "admin")):
        _, text = make_token(owner, scope, scope=scope, expires_at=_in(days=1))
        found[name] = Client(headers={"Authorization": f"Bearer {text}"})
    _, text = make_token(owner, "old", scope="admin", expires_at=_in(days=1))
    AccessToken.objects.filter(name="old").update(expires_at=_in(days=-1))
    found["expired token"] = Client(headers={"Authorization": f"Bearer {text}"})
    found["device key"] = Client(headers={"X-API-Key": key})
    found["viewer link"] = Client(headers={"Authorization": f"Bearer {link_token}"})
    return found


def _in(**time):
    return datetime.now(UTC) + timedelta(**time)
