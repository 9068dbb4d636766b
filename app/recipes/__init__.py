"""Recipes: ready ways to use the service, each a data file with a template of the body of ``POST /v1/swarms``.

What lives here: the files (``*.toml``), reading them, filling in their templates, and what is computed from the user's
files for the templates (``inputs``, and for source code ``python_facts`` and ``cross_check``). What must not: reading
files, HTTP, the screen; the command line (``app.cli``) does that. Imports the standard library and ``app.domain`` only.
"""
