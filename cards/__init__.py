"""Adaptive Cards as pure functions: each module has ``build(model)`` and returns a dict."""
