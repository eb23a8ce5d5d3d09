"""Decides bookings, and answers RPC about them."""
