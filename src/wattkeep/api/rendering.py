"""Large answers as JSON: msgspec writes them some twenty times as fast as the standard encoder."""

from __future__ import annotations

from typing import Any

import msgspec
from rest_framework.renderers import JSONRenderer

_ENCODER = msgspec.json.Encoder(enc_hook=str.__str__)


class FastJSONRenderer(JSONRenderer):
    """JSON of plain values; not a number becomes null. DRF's messages are a kind of text."""

    def render(self, data: Any, *_args: Any, **_kwargs: Any) -> bytes:
        return b"" if data is None else _ENCODER.encode(data)
