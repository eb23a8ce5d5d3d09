"""The JSON API by which staff manage the clinic."""
