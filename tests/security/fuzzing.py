"""Requests made from the OpenAPI description: mostly sensible, partly odd, now and then absurd."""

import json
from urllib.parse import quote, urlencode

ODD_TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "nan",
    "inf",
    "1e999",
    "null",
    "\x00",
    "\ud7ff\U0010ffff",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\u202egnihtemos\u202c",
    "'; DROP TABLE monitoring_device; --",
    "../../etc/passwd",
    "%00%ff",
    "{{7*7}}",
    "x" * 10_000,
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-11-23T10:00:00+99:00",
    "+275760-09-13",
    "Nowhere/Land",
    str(2**63),
]
ODD_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    -0.0,
    2**31,
    2**63,
    10**30,
    1e308,
    [],
    [[]],
    {},
    {"a": {}},
    [None] * 3,
    *ODD_TEXTS,
]
ODD_BODIES = [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 5000, b'{"a":' * 3000, b"NaN"]
METHODS = ("get", "post", "put", "patch", "delete", "options", "head")


class Maker:
    """Makes requests to one description's operations, from a `random.Random`."""

    def __init__(self, description, chance, ids):
        self._description = description
        self._chance = chance
        # Good values of path parameters by their name.
        self.ids = ids
        self.operations = [
            (method, path, operation)
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        ]

    def request(self, method, path, operation):
        """Return a method, an address and a body (bytes or None) with its content type."""
        chance = self._chance
        if chance.random() < 0.03:
            method = chance.choice(METHODS)
        parameters = [self._resolved(one) for one in operation.get("parameters", [])]
        for one in parameters:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", quote(str(self._id(one)), safe=""))
        query = [
            (one["name"], self._parameter(one))
            for one in parameters
            if one["in"] == "query" and (one.get("required") or chance.random() < 0.6)
        ]
        if chance.random() < 0.05:
            query.append(
                (chance.choice(["format", "page", "x", "limit"]), chance.choice(ODD_TEXTS))
            )
        address = path + ("?" + urlencode(query, errors="replace") if query else "")
        return method, address, *self._body(operation)

    def _id(self, parameter):
        good = self.ids.get(parameter["name"])
        if good and self._chance.random() < 0.9:
            return self._chance.choice(good)
        return self._chance.choice([0, 1, 999_999, 2**31, 2**63, 2**64])

    def _parameter(self, parameter):
        if self._chance.random() < 0.25:
            return self._chance.choice(ODD_TEXTS)
        value = self._value(parameter.get("schema", {}))
        return value if isinstance(value, str) else json.dumps(value)

    def _body(self, operation):
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        if not content:
            return None, ""
        if self._chance.random() < 0.05:
            kinds = ["application/json", "text/plain", "application/x-www-form-urlencoded"]
            return self._chance.choice(ODD_BODIES), self._chance.choice(kinds)
        schema = content.get("application/json", {}).get("schema", {})
        return json.dumps(self._value(schema)).encode(), "application/json"

    def _value(self, schema, depth=0):  # noqa: PLR0911 - a way for each kind
        chance = self._chance
        schema = self._resolved(schema)
        if chance.random() < 0.08:
            return chance.choice(ODD_VALUES)
        for way in ("oneOf", "anyOf", "allOf"):
            if options := schema.get(way):
                if way != "allOf":
                    return self._value(chance.choice(options), depth)
                made = [self._value(option, depth) for option in options]
                if all(isinstance(one, dict) for one in made):
                    return {key: value for one in made for key, value in one.items()}
                return made[-1]
        if "enum" in schema:
            return chance.choice(schema["enum"])
        if schema.get("nullable") and chance.random() < 0.2:
            return None
        return self._of_type(schema, depth)

    def _of_type(self, schema, depth):  # noqa: PLR0911 - a way for each type
        chance = self._chance
        match schema.get("type"):
            case "object":
                wanted = set(schema.get("required", ()))
                return {
                    name: self._value(one, depth + 1)
                    for name, one in schema.get("properties", {}).items()
                    if chance.random() < (0.97 if name in wanted else 0.5)
                }
            case "array":
                count = 0 if depth > 4 else chance.choice([0, 1, 1, 2, 5])
                return [self._value(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "integer":
                low, high = schema.get("minimum", -5), schema.get("maximum", 10**6)
                good = [one for name, ids in self.ids.items() for one in ids if name]
                return chance.choice(
                    [*good, low, high, chance.randint(int(low), max(int(low), int(high)))]
                )
            case "number":
                return chance.choice([0, 0.1, 230.5, -1, schema.get("maximum", 1e9)])
            case "boolean":
                return chance.random() < 0.5
            case "string":
                return self._text(schema)
        return chance.choice(ODD_VALUES)

    def _text(self, schema):
        chance = self._chance
        match schema.get("format"):
            case "date-time":
                return f"2026-11-{chance.randint(1, 30):02d}T{chance.randint(0, 23):02d}:00:00Z"
            case "date":
                return f"2026-11-{chance.randint(1, 30):02d}"
            case "decimal" | "double":
                return str(chance.choice([0, "0.31", "-1", "1e5", 10**12]))
            case "time":
                return f"{chance.randint(0, 23):02d}:30:00"
            case "uri":
                return chance.choice(["json://127.0.0.1:9/", "tgram://1/2", "file:///etc/passwd"])
        return chance.choice(["House", "Europe/Paris", "EUR", "hour", "power", "day", "month", "x"])

    def _resolved(self, schema):
        while "$ref" in schema:
            found = self._description
            for name in schema["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            schema = found
        return schema
