"""The command line: one module per command; each takes wired use cases and returns an exit code."""
