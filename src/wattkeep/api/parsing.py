"""JSON of requests: what cannot be read is the sender's fault, never ours."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class BoundedJSONParser(JSONParser):
    """DRF's, which takes brackets in brackets without end for a fault of the server's."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return a body's JSON.

        Raises:
            ParseError: it is none, or nested too deeply.
        """
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
