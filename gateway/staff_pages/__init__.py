"""The staff pages, which require a session."""
