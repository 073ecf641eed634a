"""The app's name and label."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Label `monitoring`, so that the tables keep their public names."""

    name = "wattkeep.monitoring"
    label = "monitoring"
    verbose_name = "Wattkeep"
