"""What OpenAPI is told of the addresses that boards ask."""

from __future__ import annotations

from typing import Any

from drf_spectacular.plumbing import build_object_type

from wattkeep.api.schema import answer, error

WHOLE = {"type": "integer"}
TEXT = {"type": "string"}
NONCE = {"type": "string", "pattern": "^[0-9a-f]{8,32}$", "description": "new with each request"}
SIGNED = {
    "X-Signature": {
        "schema": TEXT,
        "description": "sha256=HEX, with the device's signing key: docs/protocol.md",
    }
}


def add_board(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Describe `POST /api/board/sync/` and `/api/board/file/`, which are no views of DRF."""
    told = {"application/json": {"schema": _told()}}
    piece = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    result["paths"]["/api/board/sync/"] = _post(
        "board_sync",
        "A board reports how it is, and gets its configuration, commands and update.",
        _report(),
        {"200": {"description": "What it is to know.", "headers": SIGNED, "content": told}},
    )
    result["paths"]["/api/board/file/"] = _post(
        "board_file",
        "A board fetches up to 1,024 bytes of a file of the release it is offered.",
        build_object_type(
            properties={"nonce": NONCE, "version": TEXT, "path": TEXT, "offset": WHOLE},
            required=["nonce", "version", "path", "offset"],
        ),
        {
            "200": {
                "description": "The bytes; empty at the end.",
                "headers": {**SIGNED, "X-Total-Size": {"schema": WHOLE}},
                "content": piece,
            },
            "404": answer("Not offered to this device.", error()),
        },
    )
    return result


def _post(
    name: str, description: str, body: dict[str, Any], responses: dict[str, Any]
) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "description": description,
            "tags": ["board"],
            "security": [{"deviceKey": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                **responses,
                "400": answer("Not JSON, something missing, or a nonce used before.", error()),
                "401": answer("No key, or not the key or signature of an active device.", error()),
                "413": answer("Over 4 KiB.", error()),
                "415": answer("Not application/json.", error()),
                "429": answer("Too often; Retry-After says how long to wait.", error()),
                "503": answer("Cannot be answered now; see Retry-After.", error()),
            },
        }
    }


def _report() -> dict[str, Any]:
    names = ("uptime_s", "rssi_dbm", "free_heap", "bad_polls", "backlog", "resets", "reset_cause")
    properties: dict[str, Any] = {
        "boot": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,16}$"},
        "nonce": NONCE,
        "config_version": {**WHOLE, "description": "the one it has applied"},
        "firmware": TEXT,
        "slot": {"type": "string", "enum": ["a", "b"]},
        "health": build_object_type(properties=dict.fromkeys(names, WHOLE)),
        "done": {
            "type": "array",
            "maxItems": 32,
            "description": "Commands it has done: number, and ok or what went wrong.",
            "items": {"type": "array", "items": {}, "minItems": 2, "maxItems": 2},
        },
        "log": {"type": "string", "maxLength": 1000},
        "update": {
            "type": "string",
            "nullable": True,
            "description": "confirmed, or rolled back: and why",
        },
    }
    needed = ["boot", "nonce", "config_version", "firmware"]
    return build_object_type(properties=properties, required=needed)


def _told() -> dict[str, Any]:
    update = build_object_type(
        properties={"version": TEXT, "size": WHOLE, "manifest_sha256": TEXT},
        required=["version", "size", "manifest_sha256"],
    )
    config = build_object_type(
        properties={
            "interval_s": WHOLE,
            "display": {"type": "integer", "enum": [0, 1]},
            "contrast": WHOLE,
            "meters": {"type": "array", "items": WHOLE},
        },
        required=["interval_s"],
    )
    command = {"type": "array", "items": {}, "minItems": 2, "maxItems": 2}
    names = ["nonce", "config_version", "config", "commands", "update"]
    return build_object_type(
        properties={
            "nonce": NONCE,
            "config_version": WHOLE,
            "config": config,
            "commands": {"type": "array", "items": command, "description": "number and kind"},
            "update": {**update, "nullable": True},
        },
        required=names,
    )
