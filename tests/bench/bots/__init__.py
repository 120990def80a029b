"""Bots that answer "echo ...", each served by a process of its own (``python -m tests.bench.bots``).

Each module offers ``bot()``, an async context manager that gives the handler of /api/messages.
"""
