"""The HTTP API as an OpenAPI 3.1 document and as an HTML page."""
