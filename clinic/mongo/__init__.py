"""How the system talks to MongoDB: the client, batched writes, quotas. Knows no bookings."""
