"""Adapters of ``ports.tools``: what sub-agents can do beside answering."""
