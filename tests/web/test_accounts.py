"""Logging in, the first account, open and closed registration, passwords."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from wattkeep.monitoring import accounts
from wattkeep.monitoring.models import Device, Site
from web.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def form(**changes):
    return {
        "username": "ada",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "time_zone": "Asia/Kolkata",
        "device_name": "Main meter",
        **changes,
    }


def test_login_leads_to_registration_while_there_is_no_account(nobody):
    assert nobody.get("/login/").url == "/register/"


def test_login_leads_to_the_page_asked_for(owner, nobody):
    body = {"username": "owner", "password": PASSWORD}

    assert nobody.post("/login/?next=/settings/", body).url == "/settings/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil"]
)
def test_login_leads_nowhere_else(elsewhere, owner, nobody):
    body = {"username": "owner", "password": PASSWORD, "next": elsewhere}

    assert nobody.post("/login/", body).url == "/"


def test_login_tells_a_wrong_password_and_no_such_user_alike(owner, nobody):
    answers = [
        nobody.post("/login/", {"username": name, "password": "wrong"}).context["form"].errors
        for name in ("owner", "nobody")
    ]

    assert answers[0] == answers[1]
    assert answers[0]


def test_logout_ends_the_session(as_owner):
    assert as_owner.get("/logout/").status_code == 405
    assert as_owner.post("/logout/").url == "/login/"
    assert as_owner.get("/settings/").status_code == 302


def test_first_account_is_the_administrators(nobody):
    response = nobody.post("/register/", form(code=accounts.setup_code()))

    user = User.objects.get()
    site = Site.objects.get()
    device = Device.objects.get()
    assert response.url == f"/devices/{device.pk}/key/"
    assert (user.username, user.is_staff, user.is_superuser) == ("ada", True, True)
    assert (site.owner, site.name, site.time_zone) == (user, "Home", "Asia/Kolkata")
    assert (device.user, device.site, device.name) == (user, site, "Main meter")
    assert nobody.get("/settings/").status_code == 200


def test_first_account_uses_the_code_up(nobody, tmp_path):
    code = accounts.setup_code()
    nobody.post("/register/", form(code=code))

    again = Client().post("/register/", form(username="eve", code=code))

    assert again.status_code == 403
    assert not (tmp_path / accounts.SETUP_CODE_FILE).exists()
    assert User.objects.count() == 1


@pytest.mark.parametrize("code", ["", "0000-0000-0000"], ids=["none", "wrong"])
def test_first_account_needs_the_code(code, nobody):
    accounts.setup_code()

    response = nobody.post("/register/", form(code=code))

    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {"code"}
    assert not User.objects.exists()


def test_first_account_needs_the_code_where_registration_is_open(nobody, settings):
    settings.REGISTRATION = "open"

    response = nobody.post("/register/", form())

    assert response.context["form"].errors.keys() == {"code"}
    assert not User.objects.exists()


def test_registration_is_closed_to_strangers(owner, nobody):
    answers = [nobody.get("/register/"), nobody.post("/register/", form())]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "wattkeep user add" in answers[0].content.decode()
    assert User.objects.count() == 1


def test_open_registration_makes_ordinary_accounts(owner, nobody, settings):
    settings.REGISTRATION = "open"

    response = nobody.post("/register/", form(), follow=True)

    user = User.objects.get(username="ada")
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert response.context["key"].startswith(user.devices.get().key_prefix)


def test_registration_without_a_zone_takes_the_servers(nobody, settings):
    settings.DEFAULT_SITE_TIME_ZONE = "Pacific/Auckland"

    nobody.post("/register/", form(code=accounts.setup_code(), time_zone=""))

    assert Site.objects.get().time_zone == "Pacific/Auckland"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"username": ""}, "username"),
        ({"password1": "password", "password2": "password"}, "password2"),
        ({"password1": "19283746", "password2": "19283746"}, "password2"),
        ({"password2": "other"}, "password2"),
        ({"device_name": ""}, "device_name"),
    ],
    ids=["zone", "name", "common", "numeric", "differs", "device"],
)
def test_registration_says_what_is_wrong(change, field, nobody):
    response = nobody.post("/register/", form(code=accounts.setup_code(), **change))

    assert response.context["form"].errors.keys() == {field}
    assert not User.objects.exists()


def test_password_change_keeps_the_session(as_owner, owner):
    body = {
        "old_password": PASSWORD,
        "new_password1": "copper-lattice-9",
        "new_password2": "copper-lattice-9",
    }

    response = as_owner.post("/password/", body, follow=True)

    owner.refresh_from_db()
    assert "Your password is changed." in response.content.decode()
    assert owner.check_password("copper-lattice-9")


def test_forms_need_a_token(owner):
    client = Client(enforce_csrf_checks=True)

    response = client.post("/login/", {"username": "owner", "password": PASSWORD})

    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()
