"""HTTP: parses requests strictly, calls services, shapes answers. No decision about a swarm is made here."""
