"""swarmd: a self-hosted service that runs swarms of model-driven sub-agents and loses nothing.

Layers, top to bottom; imports only go down (held by the import-linter contracts in ``pyproject.toml``)::

    main, cli                                                   wiring and commands
    settings | api | storage | providers | dispatch | telemetry adapters (only api may call services)
    services | scheduler                                        use cases; neither imports the other
    ports                                                       protocols and the values they carry
    domain                                                      standard library only, no clock, no I/O
"""

__version__ = "0.1.0"
