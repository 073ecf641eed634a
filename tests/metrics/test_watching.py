"""The dashboard and the alert rules speak of metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from running import PATIENCE_S
from wattkeep.metrics.families import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
NAMES = {
    name
    for family in FAMILIES
    for name in (
        [family.name]
        if family.kind != "histogram"
        else [f"{family.name}_{part}" for part in ("bucket", "sum", "count")]
    )
}


def metrics_in(text):
    return set(re.findall(r"\bwattkeep_\w+", text))


def dashboard():
    return json.loads((DEPLOY / "grafana-dashboard.json").read_text())


def rules():
    return yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"][0]["rules"]


def test_dashboard_asks_for_what_there_is():
    queries = [t["expr"] for panel in dashboard()["panels"] for t in panel.get("targets", [])]

    asked = metrics_in("\n".join(queries))

    assert asked - NAMES == set()
    # Each family can be seen, but for what is 1 or 0 and has an alert rule.
    shown = {f.name for f in FAMILIES if any(name.startswith(f.name) for name in asked)}
    alone = {"wattkeep_database_up", "wattkeep_task_done_seconds"}
    assert {family.name for family in FAMILIES} - shown == alone


def test_dashboard_panels_do_not_overlap():
    panels = dashboard()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_rules_ask_for_what_there_is_and_are_told_in_the_docs():
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")

    assert metrics_in("\n".join(rule["expr"] for rule in rules())) - NAMES == set()
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def test_docs_tell_every_metric():
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")

    assert [family.name for family in FAMILIES if f"`{family.name}`" not in page] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool: apt-get install prometheus")
def test_rules_fire_when_they_should_and_only_then(tmp_path):
    shutil.copy(DEPLOY / "prometheus-rules.yml", tmp_path)
    (tmp_path / "tests.yml").write_text(RULE_TESTS)

    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


RULE_TESTS = """
rule_files: [prometheus-rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'wattkeep_database_up{instance="a"}'
        values: '1 1 1 1 1 1 0 0 0 0'
      - series: 'wattkeep_devices{instance="a"}'
        values: '5x9'
      - series: 'wattkeep_devices_online{instance="a"}'
        values: '5 5 0 0 0 0 0 0 0 0'
      - series: 'wattkeep_refused_posts_total{instance="a",worker="0",reason="store"}'
        values: '0 0 0 0 50 100 150 200 250 300'
      - series: 'wattkeep_task_failing{instance="a",task="ledger"}'
        values: '0x9'
    alert_rule_test:
      - {alertname: WattkeepDatabaseAway, eval_time: 6m, exp_alerts: []}
      - alertname: WattkeepDatabaseAway
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: "Wattkeep's database does not answer; boards keep their readings meanwhile."
      - {alertname: WattkeepNobodyPosts, eval_time: 4m, exp_alerts: []}
      - alertname: WattkeepNobodyPosts
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations: {summary: "No device was heard for two minutes."}
      - {alertname: WattkeepRefusesReadings, eval_time: 3m, exp_alerts: []}
      - alertname: WattkeepRefusesReadings
        eval_time: 8m
        exp_alerts:
          - exp_labels: {severity: critical, reason: store}
            exp_annotations: {summary: "Readings are refused: store."}
      - {alertname: WattkeepTaskFails, eval_time: 9m, exp_alerts: []}
      - {alertname: WattkeepLedgerBehind, eval_time: 9m, exp_alerts: []}
"""
