"""What people say of anomalies: expected, no anomaly, too small, snoozed, the new normal.

Any member of a conversation that the alert went to may say what an anomaly is; what changes what
is marked from now on is for admins. An answer is taken back (reopened) by whoever may give it: a
member cannot undo what only an admin may decide.
"""

from datetime import date, datetime, timedelta

from services.administration.audit_trail import AuditTrail
from services.analysis.quiet import BY_MINIMUM, BY_PLANNED_CHANGE, suppressed_until
from services.domain import Actor, Anomaly, AnomalyStatus, Resolution, SourceName
from services.domain.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from services.ports import AlertStore, AnomalyStore
from services.runtime.compare_and_set import compare_and_set

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
        self, anomalies: AnomalyStore, alerts: AlertStore, audit: AuditTrail, source: SourceName
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

    async def was_told_in(self, anomaly: Anomaly, conversation_id: str) -> bool:
        """Whether an alert of an anomaly went to a conversation."""
        alerts = await self._alerts.of_subjects([anomaly.id])
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
        from_conversation: str | None = None,
    ) -> Anomaly:
        """The anomaly with the answer of ``by`` (name, object id).

        ``from_conversation``: the answer is that of a member of this conversation; None: of an
        admin. The same answer again changes nothing; another one than the one it has must be
        preceded by reopening it, so that two people who press at once do not overwrite each
        other. Raises NotAllowedError, InvalidError, and ConflictError naming who was first or
        that it is over.
        """
        if answer not in ANSWERS or (answer == "snoozed" and days not in SNOOZE_DAYS):
            raise InvalidError("This is no answer to an anomaly.")
        snoozed = now.date() + timedelta(days=days) if answer == "snoozed" else None

        async def attempt() -> Anomaly | None:
            anomaly = await self.get(anomaly_id)
            if from_conversation is not None:
                await self._must_be_allowed(anomaly, answer, days, from_conversation)
            if anomaly.status == answer and (
                answer != "snoozed" or _lasts_until(anomaly, snoozed)
            ):
                return anomaly
            _must_take(anomaly, answer)
            given = Resolution(
                by=by[0],
                by_id=by[1],
                at=now,
                until=snoozed or suppressed_until(anomaly, answer, now.date()),
                reason=reason,
                excess=anomaly.excess,
            )
            changed = anomaly.model_copy(
                update={"status": answer, "answer": given, "updated_at": now}
            )
            if not await self._anomalies.settle(changed, anomaly.status):
                return None
            await self._record(anomaly, changed, actor, now)
            return changed

        return await compare_and_set(
            attempt, ConflictError("Somebody else is answering at this moment. Try again.")
        )

    async def _must_be_allowed(
        self, anomaly: Anomaly, answer: str, days: int, conversation_id: str
    ) -> None:
        """Raises NotAllowedError unless a member of the conversation may say this."""
        reserved = answer in FOR_ADMINS or (answer == "snoozed" and days != SHORT_SNOOZE)
        if reserved or (answer == "open" and is_for_admins(anomaly)):
            raise NotAllowedError("Only admins can say this of an anomaly.")
        if not await self.was_told_in(anomaly, conversation_id):
            raise NotAllowedError(
                "Members of the conversation that the alert went to can answer it there, and "
                "admins anywhere."
            )

    async def _record(self, was: Anomaly, anomaly: Anomaly, actor: Actor, now: datetime) -> None:
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
            before={"anomaly": anomaly.id, "status": was.status},
            after=facts,
        )


def _must_take(anomaly: Anomaly, answer: AnomalyStatus) -> None:
    """Raises ConflictError when the anomaly cannot be given this answer now."""
    if answer == "open":
        if anomaly.status == "ended":
            raise ConflictError("This anomaly has ended. It opens by itself if it comes back.")
    elif anomaly.status not in {"open", "ended"} and anomaly.answer:
        said = ANSWERS[anomaly.status].lower()
        raise ConflictError(
            f"{anomaly.answer.by} has answered already: {said}. Reopen it to answer again."
        )


def _lasts_until(anomaly: Anomaly, until: date | None) -> bool:
    """Whether a snooze goes on at least so long already."""
    known = anomaly.answer.until if anomaly.answer else None
    return known is not None and until is not None and known >= until


def is_for_admins(anomaly: Anomaly) -> bool:
    """Whether the answer that an anomaly has is one that only admins give."""
    answer = anomaly.answer
    if answer is None:
        return False
    if anomaly.status == "snoozed":
        longest = answer.at.date() + timedelta(days=SHORT_SNOOZE)
        return answer.until is not None and answer.until > longest
    return anomaly.status in FOR_ADMINS or answer.by_id in {BY_PLANNED_CHANGE, BY_MINIMUM}
