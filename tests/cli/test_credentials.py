"""`wattkeep user` and `wattkeep device`, where somebody has to be helped in again."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate
from django.test import Client
from django.utils import timezone

from cli.boards import call
from running import PASSWORD
from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.invitations import find_invitation
from wattkeep.monitoring.models import AccountInvitation, Device, OldKey

pytestmark = pytest.mark.django_db


def refusal(*words, stdin=None):
    done = call(*words, stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr.strip()


def test_new_password_logs_its_owner_out_everywhere(owner, as_owner):
    done = call("user", "password", "owner", "--password-stdin", stdin="copper-lattice-9\n")

    assert (done.exit_code, done.stdout) == (0, "owner has a new password.\n")
    assert authenticate(username="owner", password=PASSWORD) is None
    assert authenticate(username="owner", password="copper-lattice-9") == owner
    assert as_owner.get("/settings/").status_code == 302


def test_weak_password_changes_nothing(owner):
    line = refusal("user", "password", "owner", "--password-stdin", stdin="password1\n")

    assert "too common" in line
    assert authenticate(username="owner", password=PASSWORD) == owner


def test_lost_second_factor_is_dropped(owner):
    Authenticator.objects.create(user=owner, type="totp", data={"secret": "x"})
    Authenticator.objects.create(user=owner, type="recovery_codes", data={"seed": "x"})

    done = call("user", "drop-second-factor", "owner")

    assert (done.exit_code, Authenticator.objects.count()) == (0, 0)
    client = Client()
    client.post("/login/", {"username": "owner", "password": PASSWORD})
    assert client.get("/settings/").status_code == 200
    assert refusal("user", "drop-second-factor", "owner").endswith("has no second factor.")


def test_invitation_is_all_that_is_printed(owner, settings):
    settings.REGISTRATION = "invitation"
    settings.PUBLIC_URL = "https://energy.example.org"
    assert refusal("user", "invite", "--by", "owner") == "Error: owner is no administrator."
    owner.is_staff = True
    owner.save()

    done = call("user", "invite", "--by", "owner", "--email", "bob@example.org", "--days", "3")

    link = done.stdout.strip()
    assert link.startswith("https://energy.example.org/invited/")
    found = find_invitation(link.rstrip("/").rpartition("/")[2])
    assert found == AccountInvitation.objects.get()
    assert (found.email, found.invited_by) == ("bob@example.org", owner)
    assert timedelta(days=2) < found.expires_at - timezone.now() <= timedelta(days=3)


def test_closed_registration_invites_nobody(owner):
    assert "WATTKEEP_REGISTRATION=invitation" in refusal("user", "invite", "--by", "owner")


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ((), timedelta(hours=24)),
        (("--keep-old", "30m"), timedelta(minutes=30)),
        (("--keep-old", "7d"), timedelta(days=7)),
        (("--keep-old", "0"), None),
    ],
)
def test_device_gets_a_new_key_and_its_old_one_stays_as_long_as_asked(device, words, kept):
    done = call("device", "key", "House", *words)

    stored = Device.objects.get()
    assert done.exit_code == 0, done.stderr
    assert key_hash(done.stdout.strip()) == bytes(stored.key_hash)
    ends = [one.good_until - timezone.now() for one in OldKey.objects.all()]
    assert len(ends) == (kept is not None)
    assert all(kept - timedelta(minutes=5) < left <= kept for left in ends)


@pytest.mark.parametrize("span", ["24", "soon", "-1h", "31d", ""])
def test_overlap_that_cannot_be_is_refused(device, span):
    before = bytes(device.key_hash)

    assert refusal("device", "key", "House", "--keep-old", span).startswith("Error: ")
    assert bytes(Device.objects.get().key_hash) == before
