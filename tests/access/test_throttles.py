"""Guessing at passwords, codes and tokens: held up, and told the same whoever is guessed at."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from running import PASSWORD
from wattkeep.monitoring import accounts, throttles
from wattkeep.monitoring.throttles import Throttle, group_of
from wattkeep.monitoring.tokens import make_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_window_ends(monkeypatch):
    monkeypatch.setattr(throttles, "clock_s", lambda: 1_800_000_010.0)


def try_password(name="owner", password="wrong", address="192.0.2.1", client=None):
    return (client or Client()).post(
        "/login/", {"username": name, "password": password}, REMOTE_ADDR=address
    )


def tries(count, **how):
    return [try_password(**how).status_code for _ in range(count)]


def addresses(count):
    return [f"198.51.100.{number}" for number in range(count)]


def test_one_account_is_tried_ten_times_from_wherever(owner):
    answers = [try_password(address=address) for address in addresses(11)]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 15 * 60
    assert "Too many attempts" in answers[-1].content.decode()
    assert try_password(password=PASSWORD, address="203.0.113.9").status_code == 429


def test_existing_and_unknown_accounts_are_counted_and_answered_alike(owner):
    def shown(name):
        answers = [try_password(name, address=address) for address in addresses(11)]
        return [
            (
                one.status_code,
                one.context["form"].errors.as_text() if one.status_code == 200 else "",
            )
            for one in answers
        ]

    assert shown("owner") == shown("nobody-at-all")


def test_one_address_tries_twenty_passwords_of_whomever(owner):
    answers = [try_password(f"somebody-{number}").status_code for number in range(21)]

    assert answers == [200] * 20 + [429]
    assert try_password(password=PASSWORD).status_code == 429
    assert try_password(password=PASSWORD, address="192.0.2.2").status_code == 302


def test_others_guesses_do_not_lock_an_owner_out_where_they_are_known(owner):
    home = "192.0.2.77"
    assert try_password(password=PASSWORD, address=home).status_code == 302
    for address in addresses(12):
        try_password(address=address)

    assert try_password(password=PASSWORD, address="203.0.113.9").status_code == 429
    assert try_password(password=PASSWORD, address=home).status_code == 302
    assert tries(11, address=home) == [200] * 10 + [429]


def test_right_passwords_are_not_counted(owner):
    assert {try_password(password=PASSWORD).status_code for _ in range(21)} == {302}


def test_case_and_spaces_make_no_other_account(owner):
    names = ["owner", "OWNER", " owner", "Owner "]

    answers = [
        try_password(names[number % 4], address=address).status_code
        for number, address in enumerate(addresses(11))
    ]

    assert answers[-1] == 429


def test_old_password_is_guessed_ten_times_at_the_most(as_owner):
    body = {"old_password": "x", "new_password1": "copper-9-lat", "new_password2": "copper-9-lat"}

    assert [as_owner.post("/password/", body).status_code for _ in range(11)] == [200] * 10 + [429]


def test_password_before_something_important_is_guessed_ten_times_at_the_most(as_owner):
    answers = [as_owner.post("/account/again/", {"password": "x"}).status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]


def test_code_of_the_first_account_is_guessed_ten_times_at_the_most(nobody, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    form = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "device_name": "x"}
    code = accounts.setup_code()

    answers = [
        nobody.post("/register/", {**form, "code": f"0000-0000-{number:04}"}).status_code
        for number in range(11)
    ]

    assert answers == [200] * 10 + [429]
    assert nobody.post("/register/", {**form, "code": code}).status_code == 429
    assert not User.objects.exists()


def test_invitations_are_guessed_ten_times_at_the_most(owner, nobody, settings):
    settings.REGISTRATION = "invitation"

    answers = [nobody.get(f"/invited/guess-{number}/").status_code for number in range(11)]

    assert answers == [403] * 10 + [429]


def test_tokens_are_guessed_thirty_times_a_minute_and_right_ones_go_on(owner):
    _, text = make_token(
        owner, "Panel", scope="read", expires_at=timezone.now() + timedelta(days=1)
    )

    def ask(token, address="192.0.2.1"):
        return Client().get(
            "/api/v1/devices/", headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR=address
        )

    answers = [ask(f"wkp_guess{number}") for number in range(31)]

    assert [one.status_code for one in answers] == [401] * 30 + [429]
    assert answers[-1]["Retry-After"] == "50"
    assert ask(text).status_code == 200
    assert ask("wkp_guess", address="192.0.2.2").status_code == 401


def test_attempts_come_back_when_the_window_is_over(monkeypatch):
    now = 1_800_000_000.0
    monkeypatch.setattr(throttles, "clock_s", lambda: now)
    throttle = Throttle("test", 2, 60)

    assert [throttle.take("ada") for _ in range(3)] == [0, 0, 60]
    now += 45
    assert (throttle.take("ada"), throttle.wait_s("ada"), throttle.take("bob")) == (15, 15, 0)
    now += 15
    assert (throttle.wait_s("ada"), throttle.take("ada")) == (0, 0)


def test_attempts_given_back_are_none():
    throttle = Throttle("test", 1, 60)

    for _ in range(5):
        assert throttle.take("ada") == 0
        throttle.give_back("ada")
    throttle.give_back("nobody")  # never counted


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_customer_are_one(address, group):
    assert group_of(address) == group
