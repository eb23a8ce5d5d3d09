"""Decides bookings and serves RPC calls about them."""
