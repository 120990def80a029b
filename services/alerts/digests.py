"""Anomalies in one message: accounts that moved together, or more than an hour's cards."""

from collections.abc import Sequence

from services.alerts.content import AlertContext, ContentBuilder
from services.alerts.posting import CardPoster
from services.analysis.suppression import above_threshold
from services.domain import Alert, Anomaly, Conversation, SourceName
from services.ports import AlertStore, AnomalyStore

DIGEST = "digest:"
GROUP = f"{DIGEST}group:"


class Digests:
    """Posts digests; every anomaly in one counts as an alert of its own, shown by the digest."""

    def __init__(
        self,
        *,
        alerts: AlertStore,
        anomalies: AnomalyStore,
        content: ContentBuilder,
        poster: CardPoster,
        source: SourceName,
    ) -> None:
        self._alerts = alerts
        self._anomalies = anomalies
        self._content = content
        self._poster = poster
        self._source = source

    async def post_group(
        self,
        conversation: Conversation,
        group: str,
        anomalies: Sequence[Anomaly],
        context: AlertContext,
    ) -> None:
        """Post one message for accounts that moved together.

        Accounts that join the group later belong to what was posted already: they get no message.
        """
        digest = self._poster.alert(f"{GROUP}{group}", conversation, context.now)
        is_new = await self._alerts.create_once(digest)
        listed = await self._add_members(conversation, digest, anomalies, context)
        if is_new:
            await self._post(conversation, digest, listed, context)

    async def post_hour(
        self, conversation: Conversation, anomalies: Sequence[Anomaly], context: AlertContext
    ) -> None:
        """Post one message for the alerts beyond an hour's cards; later ones wait for the next
        hour.
        """
        subject = f"{DIGEST}{context.now:%Y-%m-%dT%H}"
        digest = self._poster.alert(subject, conversation, context.now)
        if await self._alerts.create_once(digest):
            listed = await self._add_members(conversation, digest, anomalies, context)
            await self._post(conversation, digest, listed, context)

    async def resume(
        self,
        conversation: Conversation,
        digest: Alert,
        alerts: Sequence[Alert],
        context: AlertContext,
    ) -> None:
        """Post a digest that another worker did not post; ``alerts``: of this conversation."""
        taken = await self._poster.taken_over(conversation, digest, context.now)
        if taken is None:
            return
        members = [alert.subject for alert in alerts if alert.shown == digest.subject]
        listed = await self._anomalies.get_many(members)
        await self._post(conversation, taken, listed, context)

    async def members(self, digest: Alert) -> list[Anomaly]:
        """The anomalies that a digest shows."""
        alerts = await self._alerts.newest_of(
            self._source, digest.conversation_id, digest.created_at
        )
        members = [alert.subject for alert in alerts if alert.shown == digest.subject]
        return await self._anomalies.get_many(members)

    async def _add_members(
        self,
        conversation: Conversation,
        digest: Alert,
        anomalies: Sequence[Anomaly],
        context: AlertContext,
    ) -> list[Anomaly]:
        """Store an alert for each anomaly; those that had none."""
        added = []
        for anomaly in anomalies:
            alert = self._poster.alert(anomaly.id, conversation, context.now)
            shown = {"state": "posted", "shown": digest.subject, "excess_told": anomaly.excess}
            if await self._alerts.create_once(alert.model_copy(update=shown)):
                added.append(anomaly)
        return added

    async def _post(
        self,
        conversation: Conversation,
        digest: Alert,
        anomalies: Sequence[Anomaly],
        context: AlertContext,
    ) -> None:
        if not anomalies:
            await self._poster.save(digest, context.now, state="failed", error="nothing to report")
            return
        accounts = sorted({anomaly.account_id for anomaly in anomalies})
        above = above_threshold(await self._anomalies.open_of(self._source, accounts))
        content = self._content.digest_content(
            anomalies, context, above, together=digest.subject.startswith(GROUP)
        )
        await self._poster.post(conversation, digest, content, context.now)
