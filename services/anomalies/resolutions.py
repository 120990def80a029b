"""Resolutions of anomalies: expected, not an anomaly, too small, snoozed, the new normal.

Any member of a conversation that got the alert may resolve an anomaly; resolutions that change
which costs are alerted from now on are reserved for admins. Whoever may give a resolution may
withdraw it by reopening the anomaly, so a member cannot undo an admin's decision.
"""

from datetime import date, datetime, timedelta

from services.administration import AuditTrail
from services.analysis.suppression import BY_MINIMUM, BY_PLANNED_CHANGE, suppressed_until
from services.domain import Actor, Anomaly, AnomalyStatus, Resolution, SourceName
from services.domain.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from services.ports import AlertStore, AnomalyStore
from services.runtime.compare_and_set import compare_and_set

RESOLUTIONS: dict[str, str] = {
    "expected": "Expected",
    "not_an_anomaly": "Not an anomaly",
    "too_small": "Too small",
    "snoozed": "Snoozed",
    "accepted": "Accepted as the new normal",
    "open": "Reopened",
}
SNOOZE_DAYS = (7, 30)
SHORT_SNOOZE_DAYS = 7
ADMIN_ONLY = {"too_small", "accepted"}


class Resolutions:
    """Stores resolutions, each once."""

    def __init__(
        self, anomalies: AnomalyStore, alerts: AlertStore, audit: AuditTrail, source: SourceName
    ) -> None:
        self._anomalies = anomalies
        self._alerts = alerts
        self._audit = audit
        self._source = source

    async def get(self, anomaly_id: str) -> Anomaly:
        """Return an anomaly. Raises NotFoundError."""
        anomaly = await self._anomalies.get(anomaly_id)
        if anomaly is None or anomaly.source != self._source:
            raise NotFoundError("This anomaly no longer exists. See `anomalies`.")
        return anomaly

    async def was_alerted_in(self, anomaly: Anomaly, conversation_id: str) -> bool:
        """Whether an alert of an anomaly went to a conversation."""
        alerts = await self._alerts.of_subjects([anomaly.id])
        return any(alert.conversation_id == conversation_id for alert in alerts)

    async def resolve(
        self,
        anomaly_id: str,
        status: AnomalyStatus,
        by: tuple[str, str],
        actor: Actor,
        now: datetime,
        *,
        days: int = SHORT_SNOOZE_DAYS,
        reason: str = "",
        from_conversation: str | None = None,
    ) -> Anomaly:
        """Resolve an anomaly on behalf of ``by`` (name, object ID) and return it.

        ``from_conversation``: a member of this conversation decides; None: an admin. Repeating a
        resolution changes nothing. To give another one, the anomaly must be reopened first, so
        that two people who press at once do not overwrite each other. Raises NotAllowedError,
        InvalidError, and ConflictError that says who was first, or that the anomaly has ended.
        """
        if status not in RESOLUTIONS or (status == "snoozed" and days not in SNOOZE_DAYS):
            raise InvalidError("This is not an answer to an anomaly. Choose one from the card.")
        snoozed_until = now.date() + timedelta(days=days) if status == "snoozed" else None

        async def attempt() -> Anomaly | None:
            anomaly = await self.get(anomaly_id)
            if from_conversation is not None:
                await self._require_allowed(anomaly, status, days, from_conversation)
            if anomaly.status == status and (
                status != "snoozed" or _is_snoozed_until(anomaly, snoozed_until)
            ):
                return anomaly
            _require_resolvable(anomaly, status)
            resolution = Resolution(
                by=by[0],
                by_id=by[1],
                at=now,
                until=snoozed_until or suppressed_until(anomaly, status, now.date()),
                reason=reason,
                excess=anomaly.excess,
            )
            resolved = anomaly.model_copy(
                update={"status": status, "answer": resolution, "updated_at": now}
            )
            if not await self._anomalies.settle(resolved, anomaly.status):
                return None
            await self._record(anomaly, resolved, actor, now)
            return resolved

        return await compare_and_set(
            attempt, ConflictError("Somebody else is answering right now. Try again.")
        )

    async def _require_allowed(
        self, anomaly: Anomaly, status: str, days: int, conversation_id: str
    ) -> None:
        """Raise NotAllowedError unless members of the conversation may resolve it this way."""
        is_reserved = status in ADMIN_ONLY or (status == "snoozed" and days != SHORT_SNOOZE_DAYS)
        if is_reserved or (status == "open" and is_resolved_by_admin(anomaly)):
            raise NotAllowedError("Only admins can give this answer. Ask one of them.")
        if not await self.was_alerted_in(anomaly, conversation_id):
            raise NotAllowedError(
                "This anomaly was not alerted here. Members of the conversation that got the alert "
                "can answer it there, and admins can answer it anywhere."
            )

    async def _record(
        self, before: Anomaly, anomaly: Anomaly, actor: Actor, now: datetime
    ) -> None:
        facts: dict[str, object] = {
            "anomaly": anomaly.id,
            "status": anomaly.status,
            "service": anomaly.service,
        }
        if anomaly.answer is not None and anomaly.answer.until is not None:
            facts["until"] = anomaly.answer.until.isoformat()
        await self._audit.record(
            actor,
            f"anomaly.{anomaly.status}",
            anomaly.account_id,
            now,
            before={"anomaly": anomaly.id, "status": before.status},
            after=facts,
        )


def _require_resolvable(anomaly: Anomaly, status: AnomalyStatus) -> None:
    """Raise ConflictError when the anomaly cannot take this status now."""
    if status == "open":
        if anomaly.status == "ended":
            raise ConflictError("This anomaly has ended. It reopens on its own if it comes back.")
    elif anomaly.status not in {"open", "ended"} and anomaly.answer:
        resolution = RESOLUTIONS[anomaly.status].lower()
        raise ConflictError(
            f"{anomaly.answer.by} has already answered: {resolution}. Reopen it to answer again."
        )


def _is_snoozed_until(anomaly: Anomaly, day: date | None) -> bool:
    """Whether a snooze already lasts until ``day`` or longer."""
    until = anomaly.answer.until if anomaly.answer else None
    return until is not None and day is not None and until >= day


def is_resolved_by_admin(anomaly: Anomaly) -> bool:
    """Whether an anomaly has a resolution that only admins may give, and so may withdraw."""
    resolution = anomaly.answer
    if resolution is None:
        return False
    if anomaly.status == "snoozed":
        last_short_day = resolution.at.date() + timedelta(days=SHORT_SNOOZE_DAYS)
        return resolution.until is not None and resolution.until > last_short_day
    return anomaly.status in ADMIN_ONLY or resolution.by_id in {BY_PLANNED_CHANGE, BY_MINIMUM}
