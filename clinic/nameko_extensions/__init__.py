"""Entrypoints, dependency providers and container: the only package of `clinic` with nameko."""
