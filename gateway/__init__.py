"""The HTTP gateway: the JSON API and the web pages of the clinic."""
