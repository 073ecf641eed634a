"""Which address leads where."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from wattkeep.web.views import errors

handler500 = errors.server_error
# Staff log in where everybody does: with their second factor, and counted.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign, no-untyped-call]

urlpatterns = [
    # The page everybody logs in at, with its limits, and not a second one beside it.
    path("admin/login/", errors.admin_login),
    path("admin/", admin.site.urls),
    path("api/", include("wattkeep.api.urls")),
    path("", include("wattkeep.web.urls")),
    path("", include("wattkeep.web.account_urls")),
]
