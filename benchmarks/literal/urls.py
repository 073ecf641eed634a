"""One address, the mission's."""

from django.urls import path

from literal.monitoring.views import energy_data_receive

urlpatterns = [path("api/energy-data/", energy_data_receive)]
