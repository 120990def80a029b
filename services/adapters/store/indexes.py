"""The indexes: no query reads more of a growing collection than what it is about.

``tests/contract/test_query_plans.py`` explains every query.
"""

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.adapters.store.client import Database
from services.adapters.store.teams import OWN_NAME

DAY_SECONDS = 86_400
RETENTION_SECONDS = 400 * DAY_SECONDS
"""How long runs, reports and deliveries are stored.

An index that exists is not changed: MongoDB refuses another ``expireAfterSeconds`` with
IndexOptionsConflict. A new value needs a migration with ``collMod``.
"""


def _index(*fields: str) -> IndexModel:
    """An index over fields; a minus stands for descending."""
    return IndexModel(
        [
            (field.removeprefix("-"), DESCENDING if field.startswith("-") else ASCENDING)
            for field in fields
        ]
    )


def _expiring(field: str, seconds: int) -> IndexModel:
    """A TTL index.

    MongoDB removes expired documents about once a minute, so nothing may rely on the exact second.
    """
    return IndexModel([(field, ASCENDING)], expireAfterSeconds=seconds)


# A list that is sorted by an instant needs ``_id`` in its index: it breaks ties, and without it
# MongoDB sorts all documents to find the first page.
INDEXES = {
    "teams": [
        IndexModel([("sample", ASCENDING), ("aws_account_id", ASCENDING)], unique=True),
        _index("sample", "name_key", "aws_account_id"),
        IndexModel(
            [("sample", ASCENDING), ("name_key", ASCENDING)],
            unique=True,
            partialFilterExpression=OWN_NAME,
        ),
    ],
    "cost_history": [
        _index("source", "month", "account_id"),
        _index("source", "account_id", "-month"),
    ],
    "anomalies": [
        _index("source", "status", "account_id"),
        _index("source", "status", "-raised_at", "-_id"),
        _index("source", "account_id", "-raised_at", "-_id"),
        _index("source", "-raised_at", "-_id"),
    ],
    "runs": [
        _index("source", "-created_at", "-_id"),
        _index("source", "kind", "-created_at", "-_id"),
        _index("source", "kind", "period", "team_id"),
        _index("state", "-created_at", "-_id"),
        _expiring("created_at", RETENTION_SECONDS),
    ],
    "reports": [_index("run_id", "kind"), _expiring("made_at", RETENTION_SECONDS)],
    "deliveries": [
        _index("run_id", "state", "not_before", "_id"),
        _index("run_id", "recipient", "_id"),
        _expiring("updated_at", RETENTION_SECONDS),
    ],
    "alerts": [
        _index("subject"),
        _index("conversation_id", "-created_at"),
        _index("conversation_id", "activity_id"),
    ],
    "plans": [_index("account_id", "last")],
    "admin_codes": [_expiring("at", 7 * DAY_SECONDS)],
    "pending_imports": [_expiring("at", DAY_SECONDS)],
    "conversations": [_index("alerts_since"), _index("updated_at")],
    "audit": [_index("-at", "-_id"), _index("subject", "-at", "-_id")],
}
"""By collection."""


async def create_indexes(db: Database) -> None:
    """Create the indexes that do not exist yet; safe to repeat and to run concurrently."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
