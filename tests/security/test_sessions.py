"""Sessions: known by a hash in the database, and otherwise as Django's."""

import pytest
from django.contrib.sessions.models import Session

from running import PASSWORD
from wattkeep.monitoring.sessions import SessionStore, row_key

pytestmark = pytest.mark.django_db


def test_the_cookie_opens_it_and_the_databases_name_does_not():
    made = SessionStore()
    made["colour"] = "green"
    made.save()
    cookie = made.session_key

    [row] = Session.objects.all()
    assert row.session_key == row_key(cookie) != cookie
    assert SessionStore(cookie)["colour"] == "green"
    assert SessionStore.of_cookie(row.session_key).get("colour") is None
    assert made.exists(cookie)


def test_it_changes_ends_and_gets_a_new_key():
    made = SessionStore()
    made["colour"] = "green"
    made.save()
    first = made.session_key
    again = SessionStore(first)
    again["colour"] = "blue"
    again.save()
    again.cycle_key()

    assert SessionStore(first).get("colour") is None
    assert SessionStore(again.session_key)["colour"] == "blue"
    again.delete()
    assert not Session.objects.exists()
    assert SessionStore(again.session_key).get("colour") is None


def test_a_log_in_lasts_until_the_log_out(owner, nobody):
    nobody.post("/login/", {"username": "owner", "password": PASSWORD})
    cookie = nobody.cookies["sessionid"].value

    assert nobody.get("/settings/").status_code == 200
    nobody.post("/logout/")
    nobody.cookies["sessionid"] = cookie
    assert nobody.get("/settings/").status_code == 302
