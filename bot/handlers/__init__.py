"""What typed commands and buttons do: ask a use case, draw its answer."""
