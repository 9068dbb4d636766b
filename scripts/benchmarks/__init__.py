"""The benchmarks: the service measured beside the least that a client could do, on one machine, in one run.

Absolute times say little on a shared machine, so every row is a ratio to a floor measured in turns with the service
(A B A B), each with warm connections. Everything that is measured is a process of its own, on loopback: the model
server (``model_server``), the floor (``floor``), the service with its default settings and a data directory on disk
(``service``). This process only sends requests and reads clocks.

A row is a ``findings.Row`` in a module of ``rows``; a new module there is found by itself. ``Bench`` hands rows the
processes, which are stopped by their process id at the end, whatever happened.
"""
