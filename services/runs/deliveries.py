"""The deliveries of a run: one for each report and recipient."""

from collections.abc import Sequence
from datetime import datetime

from services.domain import Delivery, FrozenReport, Run
from services.domain.addresses import address_key, unique_addresses
from services.mailing import message_id_for


def deliveries_of(
    run: Run, report: FrozenReport, addresses: Sequence[str], sender: str, now: datetime
) -> list[Delivery]:
    """Make the deliveries of a report, one for each address.

    Message-IDs and dates do not depend on who plans the run or how often, so whoever gets two
    copies after all can tell that they are one email. IDs belong to one planning, and only the
    planning that the run names is ever sent.
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
