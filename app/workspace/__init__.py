"""Adapter of ``ports.workspace``: the files below one directory of this machine."""
