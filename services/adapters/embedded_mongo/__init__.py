"""A real MongoDB server of its own, for trials, development and tests."""

from services.adapters.embedded_mongo.server import start_embedded

__all__ = ["start_embedded"]
