"""compose.yaml, as far as it can be held to the truth without a container engine."""

import re
import subprocess

import pytest
import yaml

from deploy.fronting import DEPLOY, replace
from docs.test_words import check_command
from wattkeep.places import DATABASE_FILE

ROOT = DEPLOY.parent
OURS = {"serve-1", "serve-2", "worker", "beat"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def settings_there_are():
    source = (ROOT / "src/wattkeep/settings.py").read_text(encoding="utf-8")
    return set(re.findall(r"\"(WATTKEEP_[A-Z_]+)\"", source))


def test_services(compose):
    assert set(compose["services"]) == OURS | {"postgres", "valkey", "nginx"}


def test_images_are_pinned_and_nobody_is_root_or_may_write(compose):
    for name, service in compose["services"].items():
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"]), name
        assert service["user"].split(":")[0] not in {"0", "root"}, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert "privileged" not in service, name


def test_version_is_the_products(compose):
    from wattkeep import __version__

    assert {compose["services"][name]["image"] for name in OURS} == {f"wattkeep:{__version__}"}


def test_whoever_answers_has_a_health_check_and_whoever_needs_it_waits(compose):
    services = compose["services"]
    has_check = {n for n, s in services.items() if "test" in s.get("healthcheck", {})}

    assert has_check == set(services)
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert other in has_check


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_worker_and_beat_are_asked_for_a_sign_of_life(compose, name):
    way, program, *words = compose["services"][name]["healthcheck"]["test"]

    assert (way, program, words) == ("CMD", "wattkeep", [name, "--check"])
    check_command(words)


def test_commands_and_settings_exist(compose):
    for name in OURS:
        service = compose["services"][name]
        check_command(service["command"])
        names = {name.removesuffix("_FILE") for name in service["environment"]}
        assert names - settings_there_are() == set()


def test_secrets_come_as_files_that_a_script_makes(compose, tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run(["sh", DEPLOY / "make-secrets.sh", folder], check=True, capture_output=True)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run(["sh", DEPLOY / "make-secrets.sh", folder], check=True, capture_output=True)

    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert {name: f"./secrets/{name}" for name in first} == {
        name: secret["file"] for name, secret in compose["secrets"].items()
    }
    assert re.fullmatch(r"[0-9a-f]{64}", first["secret-key"])
    password = first["database-password"]
    assert first["database-url"] == f"postgres://wattkeep:{password}@postgres:5432/wattkeep"
    assert folder.stat().st_mode & 0o777 == 0o700
    for service in compose["services"].values():
        mounted = {f"/run/secrets/{name}" for name in service.get("secrets", [])}
        environment = service.get("environment", {})
        asked = {value for name, value in environment.items() if name.endswith("_FILE")}
        assert asked == mounted
        assert not any(value in str(environment) for value in first.values())


def test_volumes_networks_and_files_exist(compose):
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source == "./tls":  # the certificate is yours
                continue
            there = (DEPLOY / source).is_file() if "/" in source else source in compose["volumes"]
            assert there, f"{name}: {volume}"
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("postgres", "valkey"):
        assert set(compose["services"][name]["networks"]) == {"inside"}
        assert "ports" not in compose["services"][name]


def test_nginx_finds_the_servers_and_they_believe_it(compose):
    services = compose["services"]
    addresses = {
        name: services[name]["networks"]["inside"]["ipv4_address"]
        for name in ("nginx", "serve-1", "serve-2")
    }
    upstream = (DEPLOY / "compose-upstream.conf").read_text()

    assert re.findall(r"^ +server ([\d.]+):8000 ", upstream, re.MULTILINE) == [
        addresses["serve-1"],
        addresses["serve-2"],
    ]
    assert services["serve-1"]["environment"]["WATTKEEP_TRUSTED_PROXIES"] == addresses["nginx"]


def test_setting_comes_from_a_file(tmp_path):
    from running import run

    # All that tells a folder with an installation from a mistyped one.
    (tmp_path / DATABASE_FILE).touch()
    (tmp_path / "level").write_text("NONSENSE\n")

    refused = run("doctor", "--data-dir", tmp_path, WATTKEEP_LOG_LEVEL_FILE=str(tmp_path / "level"))
    missing = run("doctor", "--data-dir", tmp_path, WATTKEEP_SECRET_KEY_FILE="/nowhere")

    assert "WATTKEEP_LOG_LEVEL='NONSENSE'" in refused.stderr
    assert "WATTKEEP_SECRET_KEY_FILE='/nowhere' cannot be read" in missing.stderr
    assert (refused.returncode, missing.returncode) != (0, 0)


def test_upstream_of_compose_is_good_for_nginx(tmp_path):
    from deploy.fronting import BINARY, Nginx

    if BINARY is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    nginx = Nginx(tmp_path, ["127.0.0.1:1", "127.0.0.1:2"])
    text = (DEPLOY / "compose-upstream.conf").read_text()
    (tmp_path / "conf.d/wattkeep-upstream.conf").write_text(
        replace(text, (r"172\.30\.77\.", "127.0.0."))
    )

    assert nginx.check()[0] == 0, nginx.check()[1]
