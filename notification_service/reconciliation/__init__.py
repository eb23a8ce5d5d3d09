"""Finds changes whose notification was lost, and has them published again."""
