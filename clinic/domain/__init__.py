"""The rules of a booking. Pure: it imports the standard library and itself."""
