"""Sharing a site: inviting, joining, roles, handing over, leaving, and who is told of incidents."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from running import PASSWORD
from wattkeep.alerts.notify import queue
from wattkeep.alerts.outbox_sorting import NOT_THEIRS, sort_out
from wattkeep.alerts.reports_queue import sites_of
from wattkeep.monitoring.access import Principal, devices_for, role_on, sites_for
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.audit_words import in_words
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    Alert,
    AlertRule,
    AuditEntry,
    Device,
    Notification,
    NotificationChannel,
    Role,
    Site,
    SiteInvitation,
    SiteMember,
)
from wattkeep.monitoring.sharing import accept, hand_over, invite

JSON = "application/json"


@pytest.fixture
def site(device):
    return device.site


@pytest.fixture
def friend(db):
    return create_account("friend", PASSWORD)


@pytest.fixture
def as_friend(friend):
    client = Client()
    client.force_login(friend)
    return client


def join(site, user, role):
    return SiteMember.objects.create(site=site, user=user, role=role)


def members(site):
    return list(site.members.values_list("user__username", "role"))


def deeds():
    return list(AuditEntry.objects.order_by("pk").values_list("subject", "thing", "deed"))


# -- what may this person see ---------------------------------------------------------------------


def test_member_sees_the_devices_of_their_role_and_above(device, friend, stranger):
    join(device.site, friend, Role.EDITOR)
    seen = {
        (name, role): devices_for(Principal(user), role).filter(pk=device.pk).exists()
        for name, user in (("friend", friend), ("stranger", stranger), ("owner", device.user))
        for role in Role
    }

    assert [key for key, is_seen in seen.items() if not is_seen] == [
        ("friend", Role.OWNER),
        ("stranger", Role.VIEWER),
        ("stranger", Role.EDITOR),
        ("stranger", Role.OWNER),
    ]


def test_narrow_token_narrows_the_role(device, owner):
    narrow = Principal(owner, most=Role.VIEWER)

    assert role_on(narrow, device) == Role.VIEWER
    assert not devices_for(narrow, Role.EDITOR).exists()
    assert not sites_for(narrow, Role.OWNER).exists()


def test_nobody_sees_nothing(device):
    assert not devices_for(Principal()).exists()
    assert not sites_for(Principal()).exists()
    assert role_on(Principal(), device) is None


def test_device_of_somebody_else_at_a_shared_site_stays_theirs(site, friend, stranger):
    """Nothing but the administration's pages can make one."""
    lodger, _ = create_device(stranger, "Lodger's")
    Device.objects.filter(pk=lodger.pk).update(site=site)
    lodger.refresh_from_db()
    join(site, friend, Role.EDITOR)

    assert not devices_for(Principal(friend)).filter(pk=lodger.pk).exists()
    assert role_on(Principal(friend), lodger) is None


@pytest.mark.parametrize("page", ["/devices/", "/api/v1/devices/", "/"])
def test_lists_take_as_many_queries_for_three_shared_devices_as_for_one(
    page, site, friend, as_friend, django_assert_num_queries
):
    join(site, friend, Role.VIEWER)
    as_friend.get(page)
    with CaptureQueriesContext(connection) as counted:
        as_friend.get(page)
    before = len(counted)
    for name in ("Oven", "Sauna"):
        create_device(site.owner, name, site=site)

    with django_assert_num_queries(before):
        as_friend.get(page)


def test_editor_adds_a_device_that_is_the_owners(site, owner, friend, as_friend):
    join(site, friend, Role.EDITOR)

    answer = as_friend.post(
        "/api/v1/devices/", {"name": "Oven", "site": site.pk}, "application/json"
    )

    assert answer.status_code == 201
    assert Device.objects.get(name="Oven").user == owner


def test_editor_cannot_take_a_device_home(device, friend, as_friend):
    join(device.site, friend, Role.EDITOR)
    home = Site.objects.get(owner=friend)

    answer = as_friend.patch(f"/api/v1/devices/{device.pk}/", {"site": home.pk}, "application/json")

    assert answer.json() == {"site": ["A device moves between sites of one owner only."]}


# -- inviting -------------------------------------------------------------------------------------


def test_invitation_by_name_waits_for_an_answer(site, friend, as_owner, as_friend):
    page = as_owner.post(
        reverse("web:site_members", args=[site.pk]), {"to": "friend", "role": "10"}, follow=True
    )
    assert "the invitation waits there" in page.content.decode()
    assert members(site) == []
    invitation = SiteInvitation.objects.get()

    as_friend.post(reverse("web:invitation_answer", args=[invitation.pk]), {"do": "accept"})

    assert members(site) == [("friend", Role.VIEWER)]
    assert not SiteInvitation.objects.exists()
    assert deeds() == [
        ("member", "friend (Home)", "invited"),
        ("member", "friend (Home)", "joined"),
    ]


def test_nobody_learns_whether_there_is_an_account(site, friend, as_owner):
    def answer(name):
        body = {"user": name, "role": "viewer"}
        address = f"/api/v1/sites/{site.pk}/invitations/"
        made = as_owner.post(address, body, "application/json").json()
        return {key: made[key] for key in ("role", "url")} | {"is_named": made["addressee"] == name}

    assert answer("friend") == answer("no-such-person")


def test_link_makes_one_member_whoever_opens_it_first(site, as_owner, as_friend, as_stranger):
    page = as_owner.post(
        reverse("web:site_members", args=[site.pk]), {"to": "", "role": "20"}, follow=True
    )
    link = page.context["new_link"].removeprefix("http://testserver")
    again = as_owner.get(reverse("web:site_members", args=[site.pk]))

    offered = as_friend.get(link)
    joined = as_friend.post(link)
    late = as_stranger.post(link)

    assert not again.context["new_link"]
    assert "invites you to Home" in offered.content.decode()
    assert (joined.status_code, late.status_code) == (302, 404)
    assert members(site) == [("friend", Role.EDITOR)]


def test_invitation_ends_by_itself(site, owner, as_friend):
    _, token = invite(site, Role.VIEWER, owner)
    SiteInvitation.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert as_friend.post(reverse("web:join", args=[token])).status_code == 404
    assert members(site) == []


def test_invitation_taken_twice_gives_the_greater_role(site, owner, friend):
    for role in (Role.EDITOR, Role.VIEWER):
        accept(invite(site, role, owner)[0], friend)

    assert members(site) == [("friend", Role.EDITOR)]


def test_invitation_is_mailed_where_mail_is_set_up(site, as_owner, settings, mailoutbox):
    settings.MAIL_IS_SET_UP = True
    settings.PUBLIC_URL = "https://energy.example.org"
    settings.DEFAULT_FROM_EMAIL = "wattkeep@example.org"

    as_owner.post(
        reverse("web:site_members", args=[site.pk]), {"to": "aunt@example.org", "role": "10"}
    )

    [mail] = mailoutbox
    assert mail.to == ["aunt@example.org"]
    assert "https://energy.example.org/join/" in mail.body


# -- roles, leaving, handing over -----------------------------------------------------------------


def test_owner_changes_and_ends_a_membership(site, friend, as_owner):
    member = join(site, friend, Role.VIEWER)
    address = reverse("web:member_act", args=[site.pk, member.pk])

    as_owner.post(address, {"do": "20"})
    assert members(site) == [("friend", Role.EDITOR)]
    as_owner.post(address, {"do": "remove"})

    assert members(site) == []
    assert [deed for _, _, deed in deeds()] == ["role changed", "removed"]
    told = AuditEntry.objects.get(deed="role changed").details
    assert in_words(told) == "Role: Viewer → Editor"


def test_member_leaves(site, friend, as_friend):
    member = join(site, friend, Role.VIEWER)

    as_friend.post(reverse("web:member_act", args=[site.pk, member.pk]), {"do": "leave"})

    assert members(site) == []
    assert as_friend.get(f"/api/v1/sites/{site.pk}/overview/").status_code == 404


def test_nobody_gives_themselves_a_role(site, friend, as_friend):
    member = join(site, friend, Role.EDITOR)
    address = f"/api/v1/sites/{site.pk}/members/{member.pk}/"

    by_page = as_friend.post(
        reverse("web:member_act", args=[site.pk, member.pk]), {"do": "hand_over", "confirm": "yes"}
    )
    by_api = as_friend.patch(address, {"role": "editor"}, "application/json")

    assert (by_page.status_code, by_api.status_code) == (403, 403)


def test_site_is_handed_over_with_its_devices(device, owner, friend):
    site = device.site
    hand_over(site, join(site, friend, Role.VIEWER))

    device.refresh_from_db()
    assert (device.user, Site.objects.get(pk=site.pk).owner) == (friend, friend)
    assert members(site) == [("owner", Role.EDITOR)]


def test_site_is_handed_over_by_the_api_with_its_name(device, owner, friend, as_owner):
    site = device.site
    member = join(site, friend, Role.EDITOR)
    address = f"/api/v1/sites/{site.pk}/owner/"

    def send(**body):
        return as_owner.post(address, {"member": member.pk, "name": site.name, **body}, JSON)

    assert send(name="Castle").json() == {"name": ["This is not the site's name."]}
    assert send(member=10**6).status_code == 400
    assert send().json() == {"site": site.pk, "owner": "friend"}

    assert send().status_code == 403
    assert Site.objects.get(pk=site.pk).owner == friend
    assert members(site) == [("owner", Role.EDITOR)]
    told = AuditEntry.objects.get(deed="handed over")
    assert (in_words(told.details), told.actor_name) == ("Owner: owner → friend", "owner")


def test_site_is_handed_over_once(device, friend, stranger):
    site = device.site
    late = join(site, stranger, Role.VIEWER)
    stale = Site.objects.select_related("owner").get(pk=site.pk)

    assert hand_over(site, join(site, friend, Role.VIEWER))
    assert not hand_over(stale, late)
    late.delete()
    assert not hand_over(Site.objects.get(pk=site.pk), late)

    assert Site.objects.get(pk=site.pk).owner == friend


def test_site_is_not_handed_to_who_cannot_log_in(site, owner, friend):
    member = join(site, friend, Role.EDITOR)
    friend.is_active = False
    friend.save()

    assert not hand_over(site, member)
    assert Site.objects.get(pk=site.pk).owner == owner
    assert members(site) == [("friend", Role.EDITOR)]


def test_handing_over_needs_a_tick(site, friend, owner, as_owner):
    member = join(site, friend, Role.VIEWER)

    as_owner.post(reverse("web:member_act", args=[site.pk, member.pk]), {"do": "hand_over"})

    assert Site.objects.get(pk=site.pk).owner == owner


# -- incidents ------------------------------------------------------------------------------------


@pytest.fixture
def told(site, owner, friend):
    """Return a function that opens an incident and returns whose channels are told."""
    for user in (owner, friend):
        NotificationChannel.objects.create(user=user, name=user.username, kind="browser")

    def tell(device):
        rule = AlertRule.objects.filter(device=device).first()
        now = datetime.now(UTC)
        alert = Alert.objects.create(
            device=device, rule=rule, alert_type="HIGH_POWER", message="!", value=1, created_at=now
        )
        queue(alert, Notification.Kind.OPENED, now)
        rows = Notification.objects.filter(alert=alert)
        return sorted(rows.values_list("channel__user__username", flat=True))

    return tell


def test_members_are_told_of_incidents_unless_they_muted_the_site(
    told, device, friend, stranger, as_friend
):
    assert told(device) == ["owner"]
    member = join(device.site, friend, Role.VIEWER)
    Alert.objects.all().delete()
    assert told(device) == ["friend", "owner"]

    as_friend.post(reverse("web:member_act", args=[device.site_id, member.pk]), {"do": "mute"})

    Alert.objects.all().delete()
    assert told(device) == ["owner"]


def test_what_waits_for_a_former_member_is_not_sent(told, device, friend):
    member = join(device.site, friend, Role.VIEWER)
    told(device)
    member.delete()
    channel = friend.channels.get()

    rows = sort_out(channel, channel.notifications.all(), datetime.now(UTC))

    assert rows == []
    assert channel.notifications.get().error == NOT_THEIRS


def test_channel_of_a_site_one_left_is_about_nothing_not_about_all(site, friend):
    member = join(site, friend, Role.VIEWER)
    channel = NotificationChannel.objects.create(user=friend, name="c", kind="browser")
    channel.sites.add(site)
    before = sites_of(channel)
    member.delete()

    assert (before, sites_of(channel)) == ([site], [])


# -- administrators -------------------------------------------------------------------------------


def test_administrator_sees_what_is_others_only_after_saying_so(device, db):
    staff = create_account("staff", PASSWORD, is_admin=True)
    client = Client()
    client.force_login(staff)
    page = reverse("web:device_edit", args=[device.pk])

    before = client.get(page).status_code
    client.post(reverse("web:everything"), {"do": "show"})
    meanwhile = client.get(page).status_code
    client.patch(f"/api/v1/devices/{device.pk}/", {"name": "Flat"}, "application/json")
    client.post(reverse("web:everything"), {"do": "end"})
    after = client.get(page).status_code

    assert (before, meanwhile, after) == (404, 200, 404)
    entry = AuditEntry.objects.get(subject="device")
    assert (entry.is_as_admin, in_words(entry.details)) == (True, "Name: House → Flat")
    assert [deed for _, _, deed in deeds() if deed.startswith(("began", "stopped"))] == [
        "began to look at everybody's sites",
        "stopped looking at everybody's sites",
    ]
