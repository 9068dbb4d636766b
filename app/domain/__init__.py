"""What a swarm is and how it may change: pure values and functions on the standard library.

No clock, no randomness, no I/O, no await: time and random samples are arguments, so every run can be replayed.
"""
