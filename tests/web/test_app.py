"""What makes it an app: manifest and icons, error pages of our own."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from wattkeep.web.middleware import DatabaseAwayMiddleware
from wattkeep.web.templatetags.wattkeep import asset, asset_names


def test_manifest_names_icons_that_are_there(nobody, db):
    response = nobody.get("/manifest.webmanifest")

    body = response.json()
    assert response["Content-Type"] == "application/manifest+json"
    assert (body["name"], body["start_url"], body["display"]) == ("Wattkeep", "/", "standalone")
    assert {icon["sizes"] for icon in body["icons"]} == {"192x192", "512x512"}
    for icon in body["icons"]:
        picture = nobody.get(icon["src"])
        assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
        picture.close()


@pytest.mark.parametrize("name", ["icon-180.png", "wizard.js"])
def test_built_file_is_kept_for_good(name, nobody, db):
    response = nobody.get(asset(name))
    response.close()

    assert name in asset_names()
    assert "immutable" in response["Cache-Control"]


def test_every_page_names_the_manifest(nobody, owner):
    assert 'rel="manifest" href="/manifest.webmanifest"' in nobody.get("/login/").content.decode()


def fail(path):
    """Return what is answered where the database went away in a view."""
    middleware = DatabaseAwayMiddleware(lambda _: HttpResponse())
    error = OperationalError("database is locked")
    return middleware.process_exception(RequestFactory().get(path), error)


def test_database_that_is_away_is_503_and_to_be_tried_again(caplog):
    response = fail("/devices/")

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "Boards keep their readings until it is." in response.content.decode()
    assert "database is locked" in caplog.text
    assert "locked" not in response.content.decode()


def test_api_says_it_in_json():
    response = fail("/api/v1/devices/")

    assert (response.status_code, response["Content-Type"]) == (503, "application/json")


def test_other_errors_are_left_to_others():
    middleware = DatabaseAwayMiddleware(lambda _: HttpResponse())

    assert middleware.process_exception(RequestFactory().get("/"), ValueError()) is None


def test_unknown_page_is_ours(nobody, owner):
    response = nobody.get("/no/such/page/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "Go to the start page" in response.content.decode()
