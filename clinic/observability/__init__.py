"""Logs, metrics and the health check of containers."""
