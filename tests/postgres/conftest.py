"""What only a real PostgreSQL can show: these run where the suite does (`SUITE_DATABASE`)."""

import pytest
from django.db import connection

from chaos.postgres import Cluster, find_binaries
from chaos.scenes import temporary_folder


@pytest.fixture(autouse=True)
def _on_postgres(request):
    if "cluster" not in request.fixturenames and connection.vendor != "postgresql":
        pytest.skip("this part of the suite runs with SUITE_DATABASE=postgresql")


@pytest.fixture(scope="module")
def cluster():
    """Return a PostgreSQL server of this module's own, to be stopped and started."""
    if (binaries := find_binaries()) is None:
        pytest.skip("no PostgreSQL wheel here")
    with temporary_folder() as base:
        server = Cluster(binaries, base, base / "disk")
        server.start()
        yield server
        server.end()
