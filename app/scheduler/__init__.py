"""Runs swarms in the background: claims them, steps them, makes their calls, writes what came of it."""
