"""Batching and joins of threads and greenthreads. Knows nothing of bookings."""
