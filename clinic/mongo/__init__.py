"""MongoDB access independent of bookings: client, batched writes, quotas."""
