"""The RPC calls that the gateway makes."""
