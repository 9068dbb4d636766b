"""Logs and metrics: adapters that tell operators what the service does."""
