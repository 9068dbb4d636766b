"""Adapter of ``ports.blobs``: contents as files below one directory of this machine.

Decision, 2026-11-21: the directory stands beside the database and bears its name, since both belong together: the lock
of the database keeps other processes away from it, and a sweep asks that database which contents are still used.
"""
