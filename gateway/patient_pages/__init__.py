"""The patient pages, one per module."""
