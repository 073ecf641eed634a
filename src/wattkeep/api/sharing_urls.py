"""The API's addresses of sharing and of the audit log."""

from django.urls import path

from wattkeep.api import audit_views, sharing_views

urlpatterns = [
    path("v1/sites/", sharing_views.SitesView.as_view(), name="sites"),
    path(
        "v1/sites/<int:site_id>/members/",
        sharing_views.MembersView.as_view(),
        name="site-members",
    ),
    path(
        "v1/sites/<int:site_id>/members/<int:member_id>/",
        sharing_views.MemberView.as_view(),
        name="site-member",
    ),
    path("v1/sites/<int:site_id>/owner/", sharing_views.OwnerView.as_view(), name="site-owner"),
    path(
        "v1/sites/<int:site_id>/invitations/",
        sharing_views.InvitationsView.as_view(),
        name="site-invitations",
    ),
    path(
        "v1/sites/<int:site_id>/invitations/<int:invitation_id>/",
        sharing_views.InvitationView.as_view(),
        name="site-invitation",
    ),
    path("v1/sites/<int:site_id>/links/", sharing_views.LinksView.as_view(), name="site-links"),
    path(
        "v1/sites/<int:site_id>/links/<int:link_id>/",
        sharing_views.LinkView.as_view(),
        name="site-link",
    ),
    path("v1/audit/", audit_views.AuditView.as_view(), name="audit"),
    path("v1/audit.csv", audit_views.AuditCsvView.as_view(), name="audit-csv"),
]
