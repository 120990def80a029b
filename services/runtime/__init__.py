"""Concurrency helpers: batches, compare-and-set, shutdown and timeouts."""
