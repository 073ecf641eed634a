"""What an installation tells Prometheus: `/metrics`."""
