"""Adapter of ``ports.workspace.DocumentText``: the text of documents of the supported kinds.

Supported are HTML and everything that is text already (plain text, Markdown, reStructuredText, CSV, JSON, source code,
…). PDF and Office documents are refused by name until there is a reader for them.
"""
