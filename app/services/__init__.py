"""Use cases: what a client can ask for, one module a noun. They know ports and the domain, no framework."""
