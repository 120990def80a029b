"""What requests may contain: bodies and query parameters, by noun."""
