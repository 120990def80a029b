"""Pure arithmetic on costs: no input, output, clock or settings."""
