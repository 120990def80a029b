"""MongoDB through motor, with a module for each noun of ``services.ports``.

Everything is done with operations on single documents: a standalone server, as the embedded one
is, has neither transactions nor change streams.
"""

from services.adapters.store.mongo import MongoStore

__all__ = ["MongoStore"]
