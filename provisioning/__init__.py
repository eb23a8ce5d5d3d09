"""Prepares a deployment for its first start: secrets, broker users and the database user."""
