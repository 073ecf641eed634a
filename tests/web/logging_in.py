"""Logging in as people do, and what they may then see."""

from web.conftest import PASSWORD

NEW_PASSWORD = "copper-lattice-9"


def log_in(client, name="owner", password=PASSWORD, **how):
    return client.post("/login/", {"username": name, "password": password}, **how)


def prove(client):
    """Type the password once more, as is asked before something important."""
    assert client.post("/account/again/", {"password": PASSWORD}).status_code == 302


def is_in(client):
    return client.get("/settings/").status_code == 200
