"""Which address leads where."""

from django.contrib import admin
from django.urls import include, path

from wattkeep.web.views import errors

handler500 = errors.server_error

urlpatterns = [
    # The page everybody logs in at, with its limits, and not a second one beside it.
    path("admin/login/", errors.admin_login),
    path("admin/", admin.site.urls),
    path("api/", include("wattkeep.api.urls")),
    path("", include("wattkeep.web.urls")),
]
