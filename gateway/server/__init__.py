"""The HTTP server below Flask: granian, its limits and the adapter. Knows no views."""
