"""The rules of a booking. Pure: imports only the standard library and itself."""
