"""The mission's address, and those that its pages would ask."""

from django.urls import path

from literal.monitoring.history import consumption, series
from literal.monitoring.views import energy_data_receive

urlpatterns = [
    path("api/energy-data/", energy_data_receive),
    path("api/consumption/<int:device_id>/", consumption),
    path("api/series/<int:device_id>/", series),
]
