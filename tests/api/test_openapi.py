"""The API's description and who else's pages may use it."""

import io
import re

import pytest
from django.core.management import call_command
from django.urls import get_resolver

from stored import VALUES, store
from wattkeep.api.payloads import dashboard_payload, device_rows, realtime_payload

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(nobody):
    return nobody.get("/api/schema/", headers={"Accept": "application/json"}).json()


def api_paths():
    api = next(one for one in get_resolver().url_patterns if str(one.pattern) == "api/")
    paths = (f"/api/{pattern.pattern}" for pattern in api.url_patterns)
    return {re.sub(r"<\w+:(\w+)>", r"{\1}", path) for path in paths}


def test_description_is_made_without_a_warning():
    out, err = io.StringIO(), io.StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out, stderr=err)

    assert err.getvalue() == ""
    assert out.getvalue().startswith("openapi: 3")


def test_description_has_every_address(schema):
    described_elsewhere = {"/api/schema/", "/api/docs/"}
    expected = (api_paths() - described_elsewhere) | {"/api/energy-data/"}

    assert set(schema["paths"]) == expected


def test_description_of_a_posted_reading_is_the_specification(schema):
    post = schema["paths"]["/api/energy-data/"]["post"]

    assert set(post["responses"]) >= {"201", "400", "401", "413", "415", "429", "503"}
    reading = schema["components"]["schemas"]["EnergyReadingCreate"]
    assert set(reading["required"]) == set(VALUES)
    assert set(reading["properties"]) == {*VALUES, "timestamp", "age_s"}
    assert reading["properties"]["frequency"]["minimum"] == 45
    assert post["security"] == [{"deviceKey": []}]
    assert schema["components"]["securitySchemes"]["deviceKey"] == {
        "type": "apiKey", "in": "header", "name": "X-API-Key",
    }  # fmt: skip


def described(schema, path, method="get", status="200"):
    content = schema["paths"][path][method]["responses"][status]["content"]["application/json"]
    found = content["schema"]
    found = found.get("items", found)
    return schema["components"]["schemas"][found["$ref"].rpartition("/")[2]]


def test_description_names_what_is_really_answered(schema, device):
    from django.utils import timezone

    now = timezone.now()
    store(device, now)
    real = {
        "/api/realtime/{device_id}/": realtime_payload(device, now),
        "/api/dashboard/{device_id}/": dashboard_payload(device, now),
        "/api/v1/devices/": device_rows([device], now)[0],
        "/api/v1/devices/{device_id}/": device_rows([device], now)[0],
    }

    assert {path: set(described(schema, path)["properties"]) for path in real} == {
        path: set(body) for path, body in real.items()
    }


@pytest.mark.parametrize("address", ["/api/docs/", "/api/schema/"])
def test_description_opens_for_everybody(nobody, address):
    assert nobody.get(address).status_code == 200


def test_pages_of_allowed_origins_may_use_the_api(as_owner, device, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://panel.example"]

    answer = as_owner.get("/api/v1/devices/", headers={"Origin": "https://panel.example"})

    assert answer["Access-Control-Allow-Origin"] == "https://panel.example"
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in answer["Vary"].lower()


def test_allowed_origin_is_told_before_it_asks(nobody, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://panel.example"]

    answer = nobody.options(
        "/api/v1/devices/",
        headers={
            "Origin": "https://panel.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-csrftoken",
        },
    )

    assert answer.status_code == 200
    assert "POST" in answer["Access-Control-Allow-Methods"]
    assert "x-csrftoken" in answer["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("/api/v1/devices/", "https://evil.example"),
        ("/api/v1/devices/", "null"),
        ("/login/", "https://panel.example"),
    ],
)
def test_other_origins_and_pages_get_no_leave(as_owner, settings, address, origin):
    settings.CORS_ALLOWED_ORIGINS = ["https://panel.example"]

    answer = as_owner.get(address, headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in answer


def test_two_local_origins_are_allowed_as_shipped():
    from wattkeep import settings as shipped

    assert shipped.CORS_ALLOWED_ORIGINS == ["http://localhost:8000", "http://127.0.0.1:8000"]
