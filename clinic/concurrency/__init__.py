"""Request batching, periodic tasks and joins for threads and greenthreads."""
