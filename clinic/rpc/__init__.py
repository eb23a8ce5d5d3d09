"""RPC calls to nameko services, without nameko and with a deadline."""
