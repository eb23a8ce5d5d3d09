"""Rate limits per client."""
