"""Tells patients what became of their bookings."""
