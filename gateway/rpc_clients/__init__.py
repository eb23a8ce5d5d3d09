"""RPC clients of the booking service."""
