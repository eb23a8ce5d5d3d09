"""Limits on what one client may do in a time."""
