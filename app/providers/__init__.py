"""Adapters of ``ports.provider``: real endpoints, the offline model, and the registry that leads a name to one."""
