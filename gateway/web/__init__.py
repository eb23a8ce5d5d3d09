"""Shared by patient and staff pages: rendering, static files and available slots."""
