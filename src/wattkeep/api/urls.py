"""The API's addresses. `energy-data/` is answered before Django (`wattkeep.asgi`)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from wattkeep.api import views

app_name = "api"

urlpatterns = [
    path("realtime/<int:device_id>/", views.RealtimeView.as_view(), name="realtime"),
    path("dashboard/<int:device_id>/", views.DashboardView.as_view(), name="dashboard"),
    path("v1/devices/", views.DevicesView.as_view(), name="devices"),
    path("v1/devices/<int:device_id>/", views.DeviceView.as_view(), name="device"),
    path("v1/devices/<int:device_id>/key/", views.DeviceKeyView.as_view(), name="device-key"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
]
