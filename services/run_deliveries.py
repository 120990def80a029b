"""The deliveries of a run: one for each report and recipient, with an id that is always the same."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from services.model import Delivery, FrozenReport, Run
from services.recipients import unique_addresses
from services.rendering.message import message_id_for

KEY_LENGTH = 20


def deliveries_of(
    run: Run, report: FrozenReport, addresses: Sequence[str], sender: str, now: datetime
) -> list[Delivery]:
    """Make the deliveries of a report, one for each address.

    Ids, Message-IDs and dates do not depend on who plans the run or how often: planning twice
    stores nothing twice, and whoever gets two copies after all can tell that they are one email.
    """
    # Not the report's id: that names the planning under which it was frozen.
    about = f"{run.id}|{report.team_id or report.kind}"
    domain = sender.rpartition("@")[2]
    at = now.replace(microsecond=0)
    return [
        Delivery(
            id=f"{report.id}|mail|{address_key(address)}",
            run_id=report.run_id,
            report_id=report.id,
            source=run.source,
            recipient=address,
            not_before=at,
            not_after=run.not_after,
            message_id=message_id_for(run.id, about, address, domain),
            date=run.created_at.replace(microsecond=0),
            updated_at=at,
        )
        for address in unique_addresses(addresses)
    ]


def address_key(address: str) -> str:
    """A short, safe key of an address, the same in upper and lower case."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:KEY_LENGTH]
