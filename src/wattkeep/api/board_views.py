"""Requests about one's boards: how they are, what they are told, what they are to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response

from wattkeep.api.access import OwnView, device_or_404
from wattkeep.api.audited import note_command, note_setup
from wattkeep.api.board_payloads import board_payload, command_row
from wattkeep.api.board_serializers import (
    BoardCommandSerializer,
    BoardSerializer,
    BoardSetupSerializer,
    NewBoardCommandSerializer,
)
from wattkeep.api.serializers import ErrorSerializer
from wattkeep.boards.commands import queue_command, withdraw_command
from wattkeep.boards.configuration import Setup, change_setup, setup_of
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.models import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from rest_framework.request import Request


class BoardView(OwnView):
    """A device's board."""

    @extend_schema(responses={200: BoardSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return how it is, what it is told, and its last commands."""
        return Response(board_payload(device_or_404(request, device_id), timezone.now()))

    @extend_schema(request=BoardSetupSerializer(partial=True), responses={200: BoardSerializer})
    def patch(self, request: Request, device_id: int) -> Response:
        """Change what is sent, leave the rest; the board asks for it with its next post."""
        device = device_or_404(request, device_id, Role.EDITOR)
        serializer = BoardSetupSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = serializer.validated_data
        if "interval_s" in changed:
            device.interval_s = changed["interval_s"]
            device.save(update_fields=["interval_s"])
        was = setup_of(device.pk)
        setup = Setup(
            display=changed.get("display", was.display),
            contrast=changed.get("contrast", was.contrast),
            meters=tuple(changed.get("meters", was.meters)),
        )
        change_setup(device.pk, setup)
        note_setup(request, device, changed)
        return Response(board_payload(device, timezone.now()))


class BoardCommandsView(OwnView):
    """What a device's board is to do."""

    @extend_schema(
        request=NewBoardCommandSerializer,
        responses={
            201: BoardCommandSerializer,
            200: OpenApiResponse(BoardCommandSerializer, description="One of its kind waits."),
        },
    )
    def post(self, request: Request, device_id: int) -> Response:
        """Give a command; the board fetches it with its next post."""
        device = device_or_404(request, device_id, Role.EDITOR)
        serializer = NewBoardCommandSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user: User = request.user  # type: ignore[assignment]
        command, is_new = queue_command(device.pk, serializer.validated_data["command"], user)
        if is_new:
            note_command(request, device, command.kind)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(command_row(command), status=code)


class BoardCommandView(OwnView):
    """One command."""

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, device_id: int, command_id: int) -> Response:
        """Take it back, as long as it was not handed over."""
        device = device_or_404(request, device_id, Role.EDITOR)
        if not withdraw_command(device.pk, command_id):
            words = {"error": "No such command waits; it may have been handed over."}
            return Response(words, status=status.HTTP_404_NOT_FOUND)
        note(request, Subject.BOARD, "command taken back", on=device)
        return Response(status=status.HTTP_204_NO_CONTENT)
