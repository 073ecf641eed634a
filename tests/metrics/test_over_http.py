"""`/metrics` of real servers: read by promtool, scraped by a real Prometheus."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from deploy.fronting import replace
from deploy.serving import Serve, wait_until
from running import PATIENCE_S, READING, Running, Site, free_port
from wattkeep.metrics.families import FAMILIES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("promtool") and shutil.which("prometheus")),
    reason="no Prometheus here: apt-get install prometheus",
)
TOKEN = "let-me-in"
SAMPLE = re.compile(r"^(wattkeep_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Return two workers that took posts of every fate."""
    folder = tmp_path_factory.mktemp("metrics")
    with Serve(folder / "data", WATTKEEP_METRICS_TOKEN=TOKEN) as running:
        running.add_user("ada")
        _, key = running.add_device("House")
        for number in range(20):
            board = Site(running.url)
            assert board.post(key, {**READING, "power": number}).status == 201
            # The same reading again, one that is none, and a key nobody has.
            timed = {**READING, "timestamp": "2026-01-05T10:00:00Z"}
            assert board.post(key, [timed, {"power": "much"}]).status == 201
            assert board.post("a" * 40, READING).status == 401
            board.close()
        yield running


def read(server):
    answer = server.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200
    return answer.body.decode()


def total(text, name, label=""):
    """Return the sum over all workers."""
    return sum(float(v) for n, labels, v in SAMPLE.findall(text) if n == name and label in labels)


def test_whichever_worker_is_asked_answers_for_all(serve):
    def counted():
        return total(read(serve), "wattkeep_posts_total")

    wait_until(lambda: counted() == 60)
    for _ in range(6):  # each on a connection of its own
        stranger = Site(serve.url)
        text = read(stranger)
        stranger.close()
        assert {labels for n, labels, _ in SAMPLE.findall(text) if n == "wattkeep_open_files"} == {
            'worker="0"', 'worker="1"'
        }  # fmt: skip
        assert total(text, "wattkeep_posts_total", 'answer="201"') == 40
        assert total(text, "wattkeep_refused_posts_total", 'reason="key"') == 20
        assert [
            total(text, "wattkeep_readings_total", f'fate="{fate}"')
            for fate in ("stored", "known", "rejected")
        ] == [21, 19, 20]
        assert total(text, "wattkeep_post_seconds_count") == 60
        assert total(text, "wattkeep_commit_readings_sum") == 40
        assert total(text, "wattkeep_devices_online") == 1


def test_without_the_token_nothing_is_told(serve):
    answer = serve.get("/metrics")

    assert answer.status == 403
    assert b"wattkeep_" not in answer.body


def test_every_family_has_figures(serve):
    page = Site(serve.url)
    page.get("/login/")
    page.close()
    wait_until(lambda: total(read(serve), "wattkeep_page_seconds_count") > 0)

    told = {name for name, _, _ in SAMPLE.findall(read(serve))}

    suffix = {"histogram": "_count"}
    names = {family.name + suffix.get(family.kind, "") for family in FAMILIES}
    assert names - told == set()


def test_postgresql_tells_the_same(postgres_url, tmp_path):
    with Running(tmp_path / "data", WATTKEEP_DATABASE_URL=postgres_url) as running:
        running.add_user("ada")
        _, key = running.add_device("House")
        assert running.post(key, READING).status == 201

        text = running.get("/metrics").body.decode()

    assert total(text, "wattkeep_database_up") == 1
    assert total(text, "wattkeep_devices_online") == 1
    assert total(text, "wattkeep_database_bytes") > 1_000_000
    assert total(text, "wattkeep_posts_total") == 1


@needs_prometheus
def test_promtool_finds_nothing_wrong(serve):
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=read(serve),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_prometheus
def test_a_real_prometheus_scrapes_it_and_knows_every_query_of_the_dashboard(serve, tmp_path):
    port = free_port()
    for name in ("prometheus.yml", "prometheus-rules.yml"):
        shutil.copy(DEPLOY / name, tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        replace(
            configuration.read_text(),
            (r'\["127\.0\.0\.1:8001".*\]', f'["127.0.0.1:{serve.port}"]'),
            ("# authorization:", "authorization:"),
            (r"#   credentials_file: .*", f"  credentials_file: {tmp_path}/token"),
            ("_interval: 15s", "_interval: 1s"),
        )
    )
    words = [
        "prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    with (tmp_path / "log").open("w") as log, subprocess.Popen(words, stderr=log) as process:
        try:
            prometheus = Site(f"http://127.0.0.1:{port}")
            wait_until(lambda: answers(process, port))
            wait_until(lambda: value(prometheus, "sum(wattkeep_posts_total)") == 60)
            assert value(prometheus, 'up{job="wattkeep"}') == 1
            for query in dashboard_queries():
                assert ask(prometheus, query)["status"] == "success", query
            rules = prometheus.get("/api/v1/rules").body["data"]["groups"][0]["rules"]
            wait_until(lambda: all(rule["health"] != "err" for rule in rules))
            prometheus.close()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def answers(process, port):
    assert process.poll() is None, "Prometheus ended"
    site = Site(f"http://127.0.0.1:{port}")
    try:
        return site.get("/-/ready").status == 200
    except urllib3.exceptions.HTTPError:
        return False
    finally:
        site.close()


def ask(prometheus, query):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return prometheus.request("POST", "/api/v1/query", urlencode({"query": query}), form).body


def value(prometheus, query):
    result = ask(prometheus, query)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def dashboard_queries():
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    return [
        target["expr"].replace("$job", ".*").replace("$__rate_interval", "1m")
        for panel in panels
        for target in panel.get("targets", [])
    ]
