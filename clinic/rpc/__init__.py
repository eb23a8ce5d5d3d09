"""Calls to nameko services without nameko, with a deadline."""
