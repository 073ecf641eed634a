"""What boards ask for: `POST /api/board/sync/` and `POST /api/board/file/`, answered signed."""

from __future__ import annotations

import functools
import hmac
import math
import threading
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import Error
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from wattkeep.arrival import client_address
from wattkeep.boards.releases import piece_of
from wattkeep.boards.reports import BadReportError, decode_file_request, decode_report
from wattkeep.boards.sync import ReplayedError, answer_report
from wattkeep.domain.keys import is_signature
from wattkeep.ingest.endpoint import TOO_MANY_GUESSES
from wattkeep.ingest.keys import KeysUnavailable, identify
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.throttles import KEYS_BY_ADDRESS, group_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from wattkeep.ingest.keys import Identity

    Answer = Callable[[Identity, bytes], HttpResponse]

MOST_BYTES = 4096
RETRY_S = 5
# The largest release comes at once; after that, what one board can use.
RATE_PER_S = 10.0
RATE_BURST = 200.0

_encode = msgspec.json.Encoder().encode
_limit = RateLimit(RATE_PER_S, RATE_BURST)
_limit_lock = threading.Lock()


class _Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def _for_boards(answer: Answer) -> Callable[[HttpRequest], HttpResponse]:
    """Make a view of `answer`, which gets an active device's checked body."""

    @csrf_exempt
    @functools.wraps(answer)
    def view(request: HttpRequest) -> HttpResponse:
        try:
            identity, body = _admit(request)
            return answer(identity, body)
        except _Refused as refusal:
            return _json(refusal.status, {"error": str(refusal)}, refusal.headers)
        except (KeysUnavailable, Error):
            wait = {"Retry-After": str(RETRY_S)}
            return _json(503, {"error": "The server cannot answer now."}, wait)

    return view


@_for_boards
def sync(identity: Identity, body: bytes) -> HttpResponse:
    """Keep what a board reports; answer its configuration, commands and update."""
    try:
        report = decode_report(body)
        told = _encode(answer_report(identity.device_id, report, timezone.now()))
    except (BadReportError, ReplayedError) as error:
        raise _Refused(400, str(error)) from None
    return _signed(identity, told, told, "application/json")


@_for_boards
def file(identity: Identity, body: bytes) -> HttpResponse:
    """Answer a piece of a file of the release that is offered to this board."""
    try:
        wanted = decode_file_request(body)
    except BadReportError as error:
        raise _Refused(400, str(error)) from None
    found = piece_of(identity.device_id, wanted, timezone.now())
    if found is None:
        raise _Refused(404, "There is no such file for this device.")
    piece, size = found
    # Signed with the request's nonce, so that an old piece cannot pass for this one.
    signed = wanted.nonce.encode() + piece
    response = _signed(identity, piece, signed, "application/octet-stream")
    response["X-Total-Size"] = str(size)
    return response


def _admit(request: HttpRequest) -> tuple[Identity, bytes]:
    """Return who asks and what, once both are proven."""
    if request.method != "POST":
        raise _Refused(405, "Ask with POST.", Allow="POST")
    signature = request.headers.get("X-Signature", "").strip()
    identity = _identify(request, is_signed=bool(signature))
    if (request.content_type or "").lower() != "application/json":
        raise _Refused(415, "Send JSON, with Content-Type: application/json.")
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise _Refused(413, f"The body is larger than {MOST_BYTES:,} bytes.")
    if signature and not is_signature(signature, body, identity.signing_key):
        raise _wrong("signature", request)
    with _limit_lock:
        wait_s = _limit.wait_s(identity.device_id)
    if wait_s:
        after = str(math.ceil(wait_s))
        raise _Refused(429, "Too many requests from this device.", Retry_After=after)
    return identity, body


def _identify(request: HttpRequest, *, is_signed: bool) -> Identity:
    """Return the device that asks; with a signature, it has yet to be checked."""
    if is_signed:
        identity = identify(prefix=request.headers.get("X-Device", "").strip() or "-")
    elif key := request.headers.get("X-API-Key", "").strip():
        identity = identify(key=key)
    else:
        raise _Refused(401, "API key is required")
    if identity is None:
        raise _wrong("signature" if is_signed else "API key", request)
    if identity.signed_only and not is_signed:
        raise _Refused(401, "This device accepts signed requests only")
    return identity


def _wrong(what: str, request: HttpRequest) -> _Refused:
    """Return what a wrong key or signature is answered; a right one is never held up."""
    if wait_s := KEYS_BY_ADDRESS.take(group_of(client_address(request))):
        return _Refused(429, TOO_MANY_GUESSES, Retry_After=str(wait_s))
    return _Refused(401, f"Invalid {what}")


def _signed(identity: Identity, content: bytes, signed: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Length"] = str(len(content))
    signature = hmac.digest(identity.signing_key, signed, "sha256").hex()
    response["X-Signature"] = f"sha256={signature}"
    response["Cache-Control"] = "no-store"
    return response


def _json(status: int, body: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(
        _encode(body), status=status, content_type="application/json", headers=headers
    )
