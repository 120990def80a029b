"""MongoDB through motor: one module per group of collections."""

from services.adapters.store.mongo import MongoStore

__all__ = ["MongoStore"]
