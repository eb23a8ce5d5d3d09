"""Decides when and with whom an appointment is possible, and claims its time.

Everything but the allocator and the search of openings is pure.
"""
