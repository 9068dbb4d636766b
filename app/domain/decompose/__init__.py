"""Decomposition without a model: rows, files, formats and a template, each made into the tasks of a swarm.

``requests`` holds what is asked for; one module a strategy makes the tasks; all of them pass through ``tally``, which
keeps the number and the size of tasks within ``Bounds``. The same request always gives the same tasks and ids.
"""
