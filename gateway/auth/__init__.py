"""Authentication and authorization: staff keys, sessions, booking tokens and cookies."""
