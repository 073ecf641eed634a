"""What OpenAPI is told beyond what the views say of themselves."""

from __future__ import annotations

from typing import Any

from drf_spectacular.plumbing import build_object_type

NUMBERS = {
    "voltage": ("V", 0, 500),
    "current": ("A", 0, 100),
    "power": ("W", 0, None),
    "energy": ("kWh, the meter's counter", 0, None),
    "frequency": ("Hz", 45, 65),
    "power_factor": ("", 0, 1),
}


def add_ingest(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Describe `POST /api/energy-data/`, which is answered before Django."""
    schemas = result["components"].setdefault("schemas", {})
    schemas["EnergyReadingCreate"] = _reading()
    schemes = result["components"].setdefault("securitySchemes", {})
    schemes["deviceKey"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    one = {"$ref": "#/components/schemas/EnergyReadingCreate"}
    body = {"oneOf": [one, {"type": "array", "items": one, "maxItems": 10_000}, _envelope()]}
    result["paths"]["/api/energy-data/"] = {
        "post": {
            "operationId": "energy_data_create",
            "description": "Store a device's readings. 201 comes after they are on the disk.",
            "tags": ["energy-data"],
            "security": [{"deviceKey": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "201": answer("Stored, or known already.", _success()),
                "400": answer("Not JSON, or a value missing, wrong or impossible.", {}),
                "401": answer("No key, or not the key of an active device.", error()),
                "413": answer("Over 2 MiB or 10,000 readings.", error()),
                "415": answer("Not application/json.", error()),
                "429": answer("Too often; Retry-After says how long to wait.", error()),
                "503": answer("Cannot be stored now, nothing was; see Retry-After.", error()),
            },
        }
    }
    return result


def _reading() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, (unit, least, most) in NUMBERS.items():
        properties[name] = {"type": "number", "minimum": least}
        if unit:
            properties[name]["description"] = unit
        if most is not None:
            properties[name]["maximum"] = most
    properties["timestamp"] = {
        "description": "ISO 8601 with an offset, or Unix seconds; on arrival where absent.",
        "oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
    }
    properties["age_s"] = {
        "type": "number",
        "minimum": 0,
        "maximum": 31_536_000,
        "description": "Seconds since it was measured, in place of timestamp.",
    }
    return build_object_type(properties=properties, required=list(NUMBERS))


def _envelope() -> dict[str, Any]:
    cell = {"type": "integer", "nullable": True}
    properties = {
        "boot": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,16}$"},
        "uptime_s": {"type": "integer"},
        "firmware": {"type": "string"},
        "rssi_dbm": {"type": "integer"},
        "free_heap": {"type": "integer"},
        "readings": {
            "type": "array",
            "maxItems": 10_000,
            "description": "Rows of seq, age_ms, dV, mA, dW, Wh, dHz, pf/100, samples, flags.",
            "items": {"type": "array", "items": cell, "minItems": 8},
        },
    }
    return build_object_type(properties=properties, required=["boot", "readings"])


def _success() -> dict[str, Any]:
    number = {"type": "integer"}
    return build_object_type(
        properties={
            "status": {"type": "string"},
            "message": {"type": "string"},
            "reading_id": {**number, "nullable": True, "description": "epoch milliseconds"},
            "accepted": number,
            "duplicates": number,
            "rejected": {"type": "array", "items": {"type": "object"}},
            "ack": number,
            "server_time_ms": number,
            "config_version": number,
        },
        required=["status", "message", "reading_id"],
    )


def error() -> dict[str, Any]:
    """Return the schema of a refusal in words."""
    return build_object_type(properties={"error": {"type": "string"}}, required=["error"])


def answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with JSON of this schema."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}
