"""Requests for sites and whom they are shared with: members, invitations, viewer links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from wattkeep.api.access import OwnView, require, site_or_404, sites_of
from wattkeep.api.audited import (
    note_invitation,
    note_link,
    note_member,
    note_new_owner,
    note_role,
)
from wattkeep.api.payloads import iso
from wattkeep.api.sharing_serializers import (
    ROLE_NUMBERS,
    ROLES,
    InvitationSerializer,
    LinkSerializer,
    MadeInvitationSerializer,
    MadeLinkSerializer,
    MemberSerializer,
    NewInvitationSerializer,
    NewLinkSerializer,
    NewOwnerSerializer,
    OwnerSerializer,
    RoleSerializer,
    SiteSerializer,
)
from wattkeep.monitoring.access import principal_of, sites_for
from wattkeep.monitoring.models import Role, SiteMember
from wattkeep.monitoring.sharing import TooManyError, hand_over, invite, make_link

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from rest_framework.request import Request

    from wattkeep.monitoring.models import SiteInvitation, ViewerLink

HAS_ANOTHER_OWNER = "The site has another owner by now, or they have left."
EVERY_METHOD = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"})


class SharingView(OwnView):
    """Who may see a site is its owner's matter: a token needs the widest scope."""

    admin_methods = EVERY_METHOD


class SitesView(OwnView):
    """The sites one may see."""

    @extend_schema(operation_id="v1_sites_list", responses={200: SiteSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them, with what one may do at each."""
        who = principal_of(request)
        owned = set(sites_for(who, Role.OWNER).values_list("pk", flat=True))
        changed = set(sites_for(who, Role.EDITOR).values_list("pk", flat=True))
        return Response(
            [
                {
                    "id": site.pk,
                    "name": site.name,
                    "role": ROLES[
                        Role.OWNER
                        if site.pk in owned
                        else Role.EDITOR
                        if site.pk in changed
                        else Role.VIEWER
                    ],
                    "time_zone": site.time_zone,
                    "currency": site.currency,
                }
                for site in sites_of(request)
            ]
        )


class MembersView(SharingView):
    """A site's members."""

    @extend_schema(
        operation_id="v1_sites_members_list", responses={200: MemberSerializer(many=True)}
    )
    def get(self, request: Request, site_id: int) -> Response:
        """List them; its owner is none of them."""
        site = site_or_404(request, site_id, Role.OWNER)
        return Response([_member(one) for one in site.members.select_related("user")])


class MemberView(SharingView):
    """One member."""

    @extend_schema(request=RoleSerializer, responses={200: MemberSerializer})
    def patch(self, request: Request, site_id: int, member_id: int) -> Response:
        """Give them another role."""
        member = _member_or_404(request, site_id, member_id)
        require(request, member.site, Role.OWNER)
        body = RoleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        before = member.role
        member.role = ROLE_NUMBERS[body.validated_data["role"]]
        member.save(update_fields=["role"])
        note_role(request, member, before)
        return Response(_member(member))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, site_id: int, member_id: int) -> Response:
        """Remove them; members may remove themselves."""
        member = _member_or_404(request, site_id, member_id)
        is_own = member.user_id == request.user.pk
        if not is_own:
            require(request, member.site, Role.OWNER)
        member.delete()
        note_member(request, member, "left" if is_own else "removed")
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnerView(SharingView):
    """Whose a site is."""

    @extend_schema(request=NewOwnerSerializer, responses={200: OwnerSerializer})
    def post(self, request: Request, site_id: int) -> Response:
        """Hand it over to a member, with its devices; who was the owner stays as an editor."""
        site = site_or_404(request, site_id, Role.OWNER)
        body = NewOwnerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["name"] != site.name:
            raise ValidationError({"name": ["This is not the site's name."]})
        number = body.validated_data["member"]
        found = site.members.select_related("user").filter(pk=number).first()
        if found is None:
            raise ValidationError({"member": ["No member of the site has this number."]})
        before = site.owner
        if not hand_over(site, found):
            raise ValidationError({"error": [HAS_ANOTHER_OWNER]})
        note_new_owner(request, site, before, found.user)
        return Response({"site": site.pk, "owner": found.user.get_username()})


class InvitationsView(SharingView):
    """A site's invitations."""

    @extend_schema(
        operation_id="v1_sites_invitations_list",
        responses={200: InvitationSerializer(many=True)},
    )
    def get(self, request: Request, site_id: int) -> Response:
        """List those that wait for an answer."""
        site = site_or_404(request, site_id, Role.OWNER)
        waiting = site.invitations.filter(expires_at__gt=timezone.now())
        return Response([_invitation(one) for one in waiting])

    @extend_schema(request=NewInvitationSerializer, responses={201: MadeInvitationSerializer})
    def post(self, request: Request, site_id: int) -> Response:
        """Invite a user by name, or make a link; whether there is that user is not told."""
        site = site_or_404(request, site_id, Role.OWNER)
        body = NewInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        user: User = request.user  # type: ignore[assignment]
        try:
            made, token = invite(site, ROLE_NUMBERS[wanted["role"]], user, user_name=wanted["user"])
        except TooManyError as error:
            raise ValidationError({"error": [str(error)]}) from error
        note_invitation(request, made, "invited")
        url = _full(request, reverse("web:join", args=[token])) if token else ""
        return Response({**_invitation(made), "url": url}, status=status.HTTP_201_CREATED)


class InvitationView(SharingView):
    """One invitation."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, site_id: int, invitation_id: int) -> Response:
        """Take it back."""
        site = site_or_404(request, site_id, Role.OWNER)
        found = site.invitations.filter(pk=invitation_id).first()
        if found is None:
            raise Http404
        found.delete()
        note_invitation(request, found, "invitation withdrawn")
        return Response(status=status.HTTP_204_NO_CONTENT)


class LinksView(SharingView):
    """A site's viewer links."""

    @extend_schema(operation_id="v1_sites_links_list", responses={200: LinkSerializer(many=True)})
    def get(self, request: Request, site_id: int) -> Response:
        """List them, those that are over too."""
        site = site_or_404(request, site_id, Role.OWNER)
        return Response([_link(one) for one in site.viewer_links.all()])

    @extend_schema(request=NewLinkSerializer, responses={201: MadeLinkSerializer})
    def post(self, request: Request, site_id: int) -> Response:
        """Make one to the site, or to one of its devices."""
        site = site_or_404(request, site_id, Role.OWNER)
        body = NewLinkSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        device = wanted["device"]
        if device is not None and device.site_id != site.pk:
            raise ValidationError({"device": ["This device is at another site."]})
        user: User = request.user  # type: ignore[assignment]
        try:
            link, token = make_link(site, device, user, days=wanted["days"], name=wanted["name"])
        except TooManyError as error:
            raise ValidationError({"error": [str(error)]}) from error
        note_link(request, link, "made")
        url = _full(request, reverse("web:shared", args=[token]))
        return Response({**_link(link), "url": url}, status=status.HTTP_201_CREATED)


class LinkView(SharingView):
    """One viewer link."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, site_id: int, link_id: int) -> Response:
        """Revoke it: it opens nothing any more."""
        site = site_or_404(request, site_id, Role.OWNER)
        link = site.viewer_links.filter(pk=link_id).first()
        if link is None:
            raise Http404
        link.delete()
        note_link(request, link, "revoked")
        return Response(status=status.HTTP_204_NO_CONTENT)


def _member_or_404(request: Request, site_id: int, member_id: int) -> SiteMember:
    site = site_or_404(request, site_id)
    member = site.members.select_related("user", "site").filter(pk=member_id).first()
    if member is not None and member.user_id == request.user.pk:
        return member
    require(request, site, Role.OWNER)
    if member is None:
        raise Http404
    return member


def _full(request: Request, path: str) -> str:
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    return request.build_absolute_uri(path)


def _member(member: SiteMember) -> dict[str, Any]:
    return {
        "id": member.pk,
        "user": member.user.get_username(),
        "role": ROLES[member.role],
        "created_at": iso(member.created_at),
    }


def _invitation(one: SiteInvitation) -> dict[str, Any]:
    return {
        "id": one.pk,
        "addressee": one.addressee,
        "role": ROLES[one.role],
        "created_at": iso(one.created_at),
        "expires_at": iso(one.expires_at),
    }


def _link(link: ViewerLink) -> dict[str, Any]:
    return {
        "id": link.pk,
        "name": link.name,
        "device": link.device_id,
        "created_at": iso(link.created_at),
        "expires_at": iso(link.expires_at),
        "last_used_at": iso(link.last_used_at),
    }
