"""What all views share: requests, responses, errors, instrumentation."""
