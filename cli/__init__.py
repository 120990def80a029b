"""The command line: one module per command, with its arguments and a function that returns an exit code."""
