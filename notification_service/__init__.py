"""Notifies patients, and a webhook endpoint, of changes of bookings."""
