"""The repository of bookings and what reads beside it: documents, transitions, queries.

The only package that knows the collection `bookings`.
"""
