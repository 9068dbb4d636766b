"""Adapters that carry wake-ups between the parts of the service."""
