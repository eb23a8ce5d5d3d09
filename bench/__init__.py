"""Measures the clinic beside what a user would write instead."""
