"""The staff pages; all except sign-in require a session."""
