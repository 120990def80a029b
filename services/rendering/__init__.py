"""Reports as subject, HTML and plain text, and the bytes of an email."""
