"""Adaptive Cards as pure functions from values to dicts, one module for each kind of card."""
