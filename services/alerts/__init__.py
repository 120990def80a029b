"""Alerts: what they say, how they are posted, and the rounds over all conversations."""

from services.alerts.posting import GIVE_UP_AFTER, UNREACHABLE_AFTER
from services.alerts.rounds import AlertRounds

__all__ = ["GIVE_UP_AFTER", "UNREACHABLE_AFTER", "AlertRounds"]
