"""The console: what a browser is sent, as it is written here, and the routes that send it (``pages``).

2026-11: no build step. Modules are served from this folder, so that a wheel holds the whole console, no machine needs
Node to run it, and what runs is what can be read. Libraries stand minified in ``vendor`` with their sums.
"""
