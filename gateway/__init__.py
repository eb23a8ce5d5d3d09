"""The REST API of the clinic."""
