"""Adapters of ``ports.workspace.DocumentText`` and ``ports.documents``: the text of documents of the supported kinds.

Supported are HTML and everything that is text already (plain text, Markdown, reStructuredText, CSV, JSON, source code,
…), read here; and PDF, Word and Excel by the libraries of the extra ``tools``, each document in a process of its own.

Decision, 2026-11-21: pypdf 7.1 (BSD), python-docx 1.2 (MIT), openpyxl 3.1.5 (MIT) with defusedxml 0.7.1 (PSF), which
makes it refuse XML entities, and trafilatura 2.3 (Apache-2.0) for the main text of web pages: all pure Python over
lxml, none with a copyleft licence as the faster readers of PDF have.
"""
