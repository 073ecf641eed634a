"""Every address of the installation, as Django's own URL configuration tells it."""

import re
from dataclasses import dataclass

from django.urls import URLPattern, get_resolver

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """One address with its parameters: `api/v1/devices/<int:device_id>/`."""

    route: str

    @property
    def parameters(self):
        return PARAMETER.findall(self.route)

    def path(self, planted):
        """Return the path that asks for what was planted."""

        def fill(match):
            name = match.group(1)
            if name in {"token", "key"}:
                start = f"{self.route.split('/')[0]}/"
                return planted.tokens.get(start, "no-such-token")
            return str(planted.numbers.get(name, WORDS.get(name)))

        return "/" + PARAMETER.sub(fill, self.route)


# What stands in the place of parameters that name no row.
WORDS = {
    "way": "browser",
    "uidb36": "1",
    "pk": "1",
    "object_id": "1",
    "id": "1",
    "content_type_id": "1",
    "app_label": "auth",
    "url": "x",
}


def every_address(*, of_admin=False):
    """Return all addresses but the administration's own, or those, in their order."""
    found = {}
    for route in _routes(get_resolver().url_patterns, ""):
        if route.startswith("admin/") is of_admin:
            found.setdefault(route, Address(route))
    return list(found.values())


def _routes(patterns, start):
    for pattern in patterns:
        route = start + _words(pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _routes(pattern.url_patterns, route)


def _words(pattern):
    """Return a pattern as `path` would write it: regular expressions' groups become parameters."""
    text = str(pattern.pattern)
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text)
    return text.removeprefix("^").removesuffix("$").removesuffix("\\Z")
