"""The pages' addresses."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from wattkeep.web.views import accounts, boards, dashboard, devices, mending, sites
from wattkeep.web.views.icons import favicon

app_name = "web"

urlpatterns = [
    path("", dashboard.home, name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("login/", accounts.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("register/", accounts.register, name="register"),
    path("password/", accounts.PasswordChange.as_view(), name="password"),
    path("settings/", sites.settings, name="settings"),
    path("devices/", devices.device_list, name="devices"),
    path("devices/add/", devices.device_add, name="device_add"),
    path("devices/<int:device_id>/", dashboard.device, name="device"),
    path("devices/<int:device_id>/edit/", devices.device_edit, name="device_edit"),
    path("devices/<int:device_id>/board/", boards.board, name="board"),
    path("firmware/", boards.releases, name="releases"),
    path("devices/<int:device_id>/key/", devices.device_key, name="device_key"),
    path("devices/<int:device_id>/delete/", mending.device_delete, name="device_delete"),
    path("devices/<int:device_id>/swap/", mending.device_swap, name="device_swap"),
    path(
        "devices/<int:device_id>/corrections/",
        mending.device_corrections,
        name="device_corrections",
    ),
    path(
        "devices/<int:device_id>/corrections/<int:correction_id>/undo/",
        mending.correction_undo,
        name="correction_undo",
    ),
]
