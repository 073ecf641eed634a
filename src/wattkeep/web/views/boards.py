"""A device's board: how it is, what it is told, what it is to do; and the firmware's releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from wattkeep.api.access import device_or_404
from wattkeep.api.audited import note_command, note_setup, note_share
from wattkeep.api.board_payloads import board_payload
from wattkeep.boards.commands import queue_command, withdraw_command
from wattkeep.boards.releases import (
    Tally,
    change_share,
    count_covered,
    state_of,
    tallies,
    withdraw,
)
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.models import BoardCommand, FirmwareRelease, Role
from wattkeep.web.board_forms import BoardForm, ShareForm
from wattkeep.web.board_wording import (
    COMMANDS,
    RELEASE_STATES,
    command_words,
    health_words,
    update_words,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Device


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def board(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show a board, and change what it is told."""
    device = device_or_404(request, device_id, Role.EDITOR)
    here = redirect("web:board", device.pk)
    if "command" in request.POST:
        _give_command(request, device)
        return here
    if "withdraw" in request.POST:
        _withdraw_command(request, device)
        return here
    form = BoardForm(request.POST or None, device)
    if request.method == "POST" and form.is_valid():
        form.save()
        note_setup(request, device, form.changes())
        messages.success(request, _("Saved. The board takes it over with its next post."))
        return here
    now = timezone.now()
    payload = board_payload(device, now)
    context = {
        "device": device,
        "form": form,
        "payload": payload,
        "health": health_words(payload["health"]) if payload["health"] else [],
        "update": update_words(payload["firmware_update"]),
        "is_told": payload["told_version"] == payload["config_version"],
        "commands": [command_words(row) for row in payload["commands"]],
        "kinds": COMMANDS,
        "zone": device.site.zone,
        "now": now,
    }
    return render(request, "web/board.html", context)


def _give_command(request: HttpRequest, device: Device) -> None:
    kind = request.POST["command"]
    if kind not in BoardCommand.Kind.values:
        raise Http404
    if kind == BoardCommand.Kind.RESET_ENERGY and request.POST.get("confirm") != "yes":
        messages.error(
            request, _("Tick the box first: the counter in the meter goes to 0 for good.")
        )
        return
    is_new = queue_command(device.pk, kind, request.user)[1]  # type: ignore[arg-type]  # login_required
    if is_new:
        note_command(request, device, kind)
    words = _("The board gets it with its next post.") if is_new else _("That waits already.")
    messages.success(request, words)


def _withdraw_command(request: HttpRequest, device: Device) -> None:
    number = request.POST["withdraw"]
    is_gone = number.isdecimal() and withdraw_command(device.pk, int(number[:18]))
    if is_gone:
        note(request, Subject.BOARD, "command taken back", on=device)
        messages.success(request, _("Taken back."))
    else:
        messages.error(request, _("The board has it already."))


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def releases(request: HttpRequest) -> HttpResponse:
    """Show the firmware's releases to whoever looks after this installation, and steer them."""
    if not request.user.is_staff:
        raise Http404
    if request.method == "POST":
        _steer(request)
        return redirect("web:releases")
    now = timezone.now()
    found = list(FirmwareRelease.objects.defer("manifest"))
    counted = tallies(found, now)
    rows = [
        {
            "release": row,
            "state": state_of(row),
            "state_words": RELEASE_STATES[state_of(row)],
            "tally": counted.get(row.pk, Tally()),
            "covered": count_covered(row),
        }
        for row in found
    ]
    return render(request, "web/releases.html", {"rows": rows, "now": now})


def _steer(request: HttpRequest) -> None:
    version = request.POST.get("version", "")
    release = get_object_or_404(FirmwareRelease, version=version)
    if "withdraw" in request.POST:
        withdraw(release)
        note(request, Subject.FIRMWARE, "withdrawn", name=version)
        messages.success(
            request, _("%(version)s is offered to nobody any more.") % {"version": version}
        )
        return
    form = ShareForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write a share from 0 to 100."))
        return
    before = release.share
    change_share(release, form.cleaned_data["share"])
    note_share(request, version, before, release.share)
    messages.success(
        request,
        _("%(version)s goes to %(share)s %% of the boards.")
        % {"version": version, "share": release.share},
    )
