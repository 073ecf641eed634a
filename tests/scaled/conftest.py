"""A Valkey for the tests of what several processes share."""

import pytest

from running import free_port
from scaled.valkey import Valkey, find_program


@pytest.fixture
def valkey(tmp_path):
    pytest.importorskip("channels_redis", reason="no wattkeep[scaled] here")
    if find_program() is None:
        pytest.skip("no Valkey here")
    with Valkey(tmp_path, free_port()) as server:
        yield server
