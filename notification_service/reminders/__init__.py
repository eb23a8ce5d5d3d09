"""Reminders of appointments."""
