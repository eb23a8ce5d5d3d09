"""Entrypoints, dependency providers and the container. The only package of `clinic` with nameko."""
