"""What people say of anomalies: expected, no anomaly, too small, snoozed, the new normal.

Any member of a conversation that the alert went to may say what an anomaly is; what changes what
is marked from now on is for admins.
"""

from datetime import datetime, timedelta

from services.audit import Audit
from services.errors import ConflictError, InvalidError, NotFoundError
from services.model import Actor, Anomaly, AnomalyStatus, Answer, Role, SourceName
from services.ports import AlertStore, AnomalyStore

ANSWERS: dict[str, str] = {
    "expected": "Expected",
    "not_an_anomaly": "Not an anomaly",
    "too_small": "Too small",
    "snoozed": "Snoozed",
    "accepted": "Accepted as the new normal",
    "open": "Reopened",
}
SNOOZE_DAYS = (7, 30)
SHORT_SNOOZE = 7
FOR_ADMINS = {"too_small", "accepted"}


class Resolutions:
    """Stores answers, each once."""

    def __init__(
        self, anomalies: AnomalyStore, alerts: AlertStore, audit: Audit, source: SourceName
    ) -> None:
        self._anomalies = anomalies
        self._alerts = alerts
        self._audit = audit
        self._source = source

    async def get(self, anomaly_id: str) -> Anomaly:
        """One anomaly; NotFoundError when there is none."""
        anomaly = await self._anomalies.get(anomaly_id)
        if anomaly is None or anomaly.source != self._source:
            raise NotFoundError("There is no such anomaly any more. See `anomalies`.")
        return anomaly

    async def may_answer(
        self, anomaly_id: str, role: Role, conversation_id: str, answer: str, days: int
    ) -> bool:
        """Whether somebody in this role may give this answer from this conversation."""
        if role == "admin":
            return True
        if answer in FOR_ADMINS or (answer == "snoozed" and days != SHORT_SNOOZE):
            return False
        alerts = await self._alerts.of_subjects([anomaly_id])
        return any(one.conversation_id == conversation_id for one in alerts)

    async def answer(
        self,
        anomaly_id: str,
        answer: AnomalyStatus,
        by: tuple[str, str],
        actor: Actor,
        now: datetime,
        *,
        days: int = SHORT_SNOOZE,
        reason: str = "",
    ) -> Anomaly:
        """The anomaly with the answer of ``by`` (name, object id).

        The same answer again changes nothing; another one than the one it has must be preceded
        by reopening it, so that two people who press at once do not overwrite each other.
        Raises ConflictError naming who was first, and InvalidError.
        """
        if answer not in ANSWERS or (answer == "snoozed" and days not in SNOOZE_DAYS):
            raise InvalidError("This is no answer to an anomaly.")
        anomaly = await self.get(anomaly_id)
        if anomaly.status == answer:
            return anomaly
        if answer != "open" and anomaly.status not in {"open", "ended"} and anomaly.answer:
            said = ANSWERS[anomaly.status].lower()
            raise ConflictError(
                f"{anomaly.answer.by} has answered already: {said}. Reopen it to answer again."
            )
        until = now.date() + timedelta(days=days) if answer == "snoozed" else None
        given = Answer(
            by=by[0], by_id=by[1], at=now, until=until, reason=reason, excess=anomaly.excess
        )
        changed = anomaly.model_copy(update={"status": answer, "answer": given, "updated_at": now})
        if not await self._anomalies.settle(changed, anomaly.status):
            raise ConflictError("Somebody else has answered at the same moment. See the card.")
        await self._audit.record(
            actor,
            f"anomaly.{answer}",
            anomaly.account_id,
            now,
            before={"anomaly": anomaly.id, "status": anomaly.status},
            after={"anomaly": anomaly.id, "status": answer, "service": anomaly.service},
        )
        return changed
