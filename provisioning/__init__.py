"""Prepares a deployment for its first start: secrets, the broker's users, the database's user."""
