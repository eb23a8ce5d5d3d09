"""Finds transitions whose event was lost, and republishes them."""
