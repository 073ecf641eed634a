"""Accounts and their homes, and the code that the first one is made with."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import IntegrityError

from wattkeep.monitoring.accounts import (
    SETUP_CODE_FILE,
    awaits_first_account,
    create_account,
    create_home,
    default_time_zone,
    forget_setup_code,
    is_setup_code,
    registration_is_open,
    setup_code,
)
from wattkeep.monitoring.models import Site

PASSWORD = "lantern-orbit-7"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.DEFAULT_SITE_TIME_ZONE = "Asia/Tokyo"
    return tmp_path


def test_account_comes_with_a_home_in_its_time_zone(db):
    user = create_account("ada", PASSWORD, time_zone="Europe/Paris")

    assert authenticate(username="ada", password=PASSWORD) == user
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert list(Site.objects.values_list("owner", "name", "time_zone", "currency")) == [
        (user.pk, "Home", "Europe/Paris", "EUR")
    ]


@pytest.mark.parametrize("time_zone", ["", "Mars/Olympus"])
def test_account_without_a_known_zone_gets_the_default(db, time_zone):
    user = create_account("ada", PASSWORD, time_zone=time_zone)

    assert user.sites.get().time_zone == "Asia/Tokyo"


def test_administrator_may_do_everything(db):
    user = create_account("ada", PASSWORD, is_admin=True)

    assert (user.is_staff, user.is_superuser) == (True, True)


def test_second_account_of_a_name_leaves_nothing_behind(db):
    create_account("ada", PASSWORD)

    with pytest.raises(IntegrityError):
        create_account("ada", PASSWORD)

    assert (get_user_model().objects.count(), Site.objects.count()) == (1, 1)


def test_default_time_zone_is_always_one(settings, db):
    settings.DEFAULT_SITE_TIME_ZONE = "nonsense"

    site = create_home(create_account("ada", PASSWORD), default_time_zone())

    site.full_clean()


def test_password_is_stored_slowly_hashed():
    from wattkeep import settings as shipped

    assert shipped.PASSWORD_HASHERS == [
        "wattkeep.monitoring.passwords.Argon2Hasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    assert [one["NAME"].rpartition(".")[2] for one in shipped.AUTH_PASSWORD_VALIDATORS] == [
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    ]


@pytest.mark.parametrize(
    ("setting", "somebody", "expected"),
    [
        ("closed", False, False),
        ("closed", True, False),
        ("open", False, False),  # the first account needs the code, always
        ("open", True, True),
    ],
)
def test_registration_is_open_only_by_setting_and_after_the_first(
    db, settings, setting, somebody, expected
):
    settings.REGISTRATION = setting
    if somebody:
        create_account("ada", PASSWORD)

    assert registration_is_open() is expected
    assert awaits_first_account() is not somebody


def test_setup_code_stays_the_same_until_it_is_forgotten():
    first = setup_code()

    assert setup_code() == first
    forget_setup_code()
    assert setup_code() != first


def test_setup_code_is_in_a_file_for_its_owner_only(folder):
    before = os.umask(0)
    try:
        code = setup_code()
    finally:
        os.umask(before)

    file = folder / SETUP_CODE_FILE
    assert file.read_text() == code
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [SETUP_CODE_FILE]


def test_setup_code_is_one_for_everybody_who_asks_at_once():
    together = Barrier(8)

    def ask(_):
        together.wait()
        return setup_code()

    with ThreadPoolExecutor(8) as people:
        for _ in range(50):
            codes = set(people.map(ask, range(8)))
            assert len(codes) == 1
            assert len(codes.pop()) == 14
            forget_setup_code()


def test_setup_code_that_a_crash_left_unwritten_lets_nobody_in(folder):
    (folder / SETUP_CODE_FILE).touch()

    assert not is_setup_code("")
    assert len(setup_code()) == 14


def test_setup_code_is_compared_without_the_space_around_it():
    assert is_setup_code(f" {setup_code()}\n")


@pytest.mark.parametrize("wrong", ["", "0000-0000-000", "é", "0" * 100_000])
def test_wrong_setup_code_is_refused(wrong):
    assert not is_setup_code(wrong)


def test_forgetting_twice_is_fine():
    setup_code()
    forget_setup_code()
    forget_setup_code()
