"""Pure arithmetic on costs: no I/O, clock or settings."""
