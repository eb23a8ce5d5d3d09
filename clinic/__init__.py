"""Code that all services share. Imports none of them."""
