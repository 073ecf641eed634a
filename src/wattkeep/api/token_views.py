"""Requests for one's personal access tokens: by a login, or by a token that may do everything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from wattkeep.api.access import OwnView
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.models import AccessToken
from wattkeep.monitoring.tokens import MOST_DAYS, MOST_TOKENS, USUAL_DAYS, make_token

if TYPE_CHECKING:
    from rest_framework.request import Request

ALL_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "DELETE"})


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    """A token, without what it is."""

    class Meta:
        model = AccessToken
        fields = ("id", "name", "scope", "token_prefix", "created_at", "expires_at", "last_used_at")
        read_only_fields = ("token_prefix", "expires_at", "last_used_at")


class MakeTokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a new token needs."""

    name = serializers.CharField(max_length=100)
    scope = serializers.ChoiceField(AccessToken.Scope.choices)
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=USUAL_DAYS)


class NewTokenSerializer(TokenSerializer):
    """A token just made, with its text, which is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class TokensView(OwnView):
    """One's tokens."""

    admin_methods = ALL_METHODS

    @extend_schema(responses={200: TokenSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them, also those that have expired."""
        return Response(TokenSerializer(_own(request), many=True).data)

    @extend_schema(request=MakeTokenSerializer, responses={201: NewTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make one; the answer holds it, this once."""
        serializer = MakeTokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if _own(request).count() >= MOST_TOKENS:
            raise ValidationError({"non_field_errors": [f"{MOST_TOKENS} tokens are enough."]})
        given = serializer.validated_data
        expires_at = timezone.now() + timedelta(days=given["days"])
        user: Any = request.user
        made, text = make_token(user, given["name"], scope=given["scope"], expires_at=expires_at)
        note(request, Subject.TOKEN, f"made, may {made.scope}", name=made.name)
        body = {**TokenSerializer(made).data, "token": text}
        return Response(body, status=status.HTTP_201_CREATED)


class TokenView(OwnView):
    """One token."""

    admin_methods = ALL_METHODS

    @extend_schema(responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke it: it opens nothing from now on."""
        token = _own(request).filter(pk=token_id).first()
        if token is None:
            raise Http404
        token.delete()
        note(request, Subject.TOKEN, "revoked", name=token.name)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _own(request: Request) -> Any:
    user: Any = request.user
    return AccessToken.objects.filter(user=user)
