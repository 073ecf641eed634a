"""Mail about accounts: lost passwords, confirmed addresses, invitations."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.test import Client

from wattkeep.monitoring.invitations import find_invitation, make_invitation
from wattkeep.monitoring.models import AccountInvitation
from web.conftest import PASSWORD
from web.logging_in import NEW_PASSWORD, is_in, log_in

pytestmark = pytest.mark.django_db


def confirmed(user, email):
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)


def test_lost_password_is_replaced_by_mail(owner, nobody, mails):
    confirmed(owner, "ada@example.org")

    answer = nobody.post("/password/reset/", {"email": "ada@example.org"})
    [sent] = mails(1)
    link = re.search(r"https://energy\.example\.org(/password/reset/\S+)", sent.body)[1]
    page = nobody.get(link, follow=True)
    nobody.post(page.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert (answer.url, sent.to) == ("/password/reset/sent/", ["ada@example.org"])
    assert log_in(Client()).status_code == 200
    assert log_in(Client(), password=NEW_PASSWORD).status_code == 302
    assert Client().get(link).status_code == 200  # used up: it says so, and changes nothing
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_reset_tells_nobody_whether_there_is_an_account(owner, mails):
    confirmed(owner, "ada@example.org")

    answers = [
        Client().post("/password/reset/", {"email": email}, follow=True)
        for email in ("ada@example.org", "eve@example.org")
    ]

    assert [one.redirect_chain for one in answers] == [[("/password/reset/sent/", 302)]] * 2
    assert [one.to for one in mails(1)] == [["ada@example.org"]]


def test_resets_are_counted(owner, mails):
    answers = [Client().post("/password/reset/", {"email": "ada@example.org"}) for _ in range(6)]

    assert [one.status_code for one in answers] == [302] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_without_mail_the_page_says_who_can_help(owner, nobody):
    for address in ("/password/reset/", "/account/email/", "/account/email/sent/"):
        page = nobody.get(address)
        assert page.status_code == 404
        assert "wattkeep user password" in page.content.decode()
    assert "password/reset" not in nobody.get("/login/").content.decode()


def registration(**changes):
    return {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, **changes}


def test_who_registers_confirms_their_address_first(owner, nobody, mails, settings):
    settings.REGISTRATION = "open"

    assert "email" in nobody.post("/register/", registration()).context["form"].errors
    answer = nobody.post("/register/", registration(email="Ada@example.org"))
    [sent] = mails(1)
    early = log_in(nobody, "ada")
    link = re.search(r"https://energy\.example\.org(/account/email/\S+)", sent.body)[1]
    nobody.post(link)

    assert answer.url == early.url == "/account/email/sent/"
    assert sent.to == ["ada@example.org"]
    assert not is_in(nobody)
    assert log_in(nobody, "ada").status_code == 302
    assert is_in(nobody)
    assert User.objects.get(username="ada").email == "ada@example.org"


def test_taken_address_is_told_to_nobody(owner, nobody, mails, settings):
    settings.REGISTRATION = "open"
    confirmed(owner, "ada@example.org")

    answer = nobody.post("/register/", registration(email="ada@example.org"))

    assert answer.url == "/account/email/sent/"
    link = re.search(r"https://energy\.example\.org(/account/email/\S+)", mails(1)[0].body)[1]
    nobody.post(link)
    assert EmailAddress.objects.get(verified=True).user == owner


def test_mail_that_is_set_up_later_locks_nobody_out(owner, nobody, mails):
    assert log_in(nobody).status_code == 302
    assert is_in(nobody)


def test_invitation_makes_one_account(owner, nobody, settings):
    settings.REGISTRATION = "invitation"
    _, token = make_invitation(owner)
    body = registration(device_name="Main meter")

    assert nobody.get("/register/").status_code == 403
    assert nobody.get(f"/invited/{token}/").status_code == 200
    made = nobody.post(f"/invited/{token}/", body)
    again = Client().post(f"/invited/{token}/", {**body, "username": "eve"})

    assert made.url.startswith("/devices/")
    assert AccountInvitation.objects.get().used_by.username == "ada"
    assert again.status_code == 403
    assert not User.objects.filter(username="eve").exists()
    assert User.objects.get(username="ada").is_staff is False


@pytest.mark.parametrize("days", [0, 7])
@pytest.mark.parametrize("mode", ["closed", "invitation", "open"])
def test_invitations_count_while_they_are_wanted_and_not_over(owner, settings, days, mode):
    settings.REGISTRATION = mode
    _, token = make_invitation(owner, days=days)

    assert bool(find_invitation(token)) is (days > 0 and mode != "closed")


def test_only_staff_invite(owner, as_owner, settings, mails):
    settings.REGISTRATION = "invitation"
    assert as_owner.get("/account/invitations/").status_code == 404
    User.objects.update(is_staff=True)

    page = as_owner.post(
        "/account/invitations/", {"email": "bob@example.org", "days": "7"}, follow=True
    )

    link = page.context["new_link"]
    assert link.startswith("https://energy.example.org/invited/")
    assert link in mails(1)[0].body
    token = link.rstrip("/").rpartition("/")[2]
    assert find_invitation(token).email == "bob@example.org"
    assert token not in as_owner.get("/account/invitations/").content.decode()
    as_owner.post(f"/account/invitations/{find_invitation(token).pk}/revoke/")
    assert find_invitation(token) is None


def test_registrations_are_counted(owner, settings):
    settings.REGISTRATION = "open"

    answers = [
        Client().post("/register/", registration(username=f"ada{n}", device_name="x"))
        for n in range(21)
    ]

    assert [one.status_code for one in answers] == [302] * 20 + [429]
    assert User.objects.count() == 21


def test_nobody_is_buried_in_mail(owner, mails, settings):
    settings.REGISTRATION = "open"
    for number in range(12):
        body = registration(username=f"ada{number}", email="victim@example.org")
        assert Client().post("/register/", body).status_code == 302

    assert len(mails(10)) == 10
