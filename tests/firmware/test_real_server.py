"""The firmware and the real server: what the meter shows is what the page will show."""

from __future__ import annotations

import pytest

from firmware.world import SHOWN
from sim.golden import SMALL_POINT, constant
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.sim.bench import start_bench

pytestmark = needs_micropython


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "keyed"])
def test_the_servers_values_are_the_meters(server, tmp_path, signed):
    device, key = server.add_device(f"bench {signed}")
    server.log_in("ada")

    def realtime():
        answer = server.get(f"/api/realtime/{device}/")
        return answer.body if answer.status == 200 else {}

    bench = start_bench(
        url=server.url,
        api_key=key,
        load=constant(SMALL_POINT),
        energy_wh=38_000,
        workdir=tmp_path,
        interval_s=1,
        signed=signed,
    )
    with bench:
        wait_until(lambda: realtime().get("is_online"))
        shown = realtime()
        wait_until(lambda: "wifi up" in bench.log_tail(100))
        log = bench.log_tail(200)

    assert {name: shown[name] for name in SHOWN} == SHOWN
    assert "refused" not in log
    assert "fell over" not in log
    assert "not signed" not in log
