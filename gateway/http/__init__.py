"""Shared by all views: requests, responses, errors and instrumentation."""
