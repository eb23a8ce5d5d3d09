"""The repository of bookings: documents, transitions and queries.

The only package that uses the collection `bookings`.
"""
