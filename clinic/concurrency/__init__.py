"""Batching and wake-up events between threads and greenlets. Knows nothing of bookings."""
