"""Protocols that use cases depend on, and the values that cross them. Adapters implement them; nothing runs here."""
