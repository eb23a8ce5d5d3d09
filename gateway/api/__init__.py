"""The JSON API: one resource in each module."""
