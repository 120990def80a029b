"""Cards of a run: the question before it, its progress, its outcome, and alerts about it."""

from collections.abc import Mapping, Sequence

from cards.audit_trail import actor_name
from cards.elements import (
    Element,
    bold,
    card,
    execute,
    facts,
    heading,
    note,
    plain,
    progress_bar,
    sentence,
    text,
)
from cards.notices import sample_notice
from cards.previews import address_list
from services.domain import (
    SAMPLE,
    Delivery,
    DeliveryState,
    HistoryProgress,
    Run,
    RunContent,
    RunKind,
    RunState,
)
from services.domain.formatting import clock_time, day, plural
from services.domain.schedule import period_title, period_words

MAX_FAILURES = 5
MAX_DETAILED_FAILURES = 20
FAILED = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)
KIND_NAMES = {
    RunKind.WEEKLY: "weekly reports",
    RunKind.TEAM: "team report",
    RunKind.DAILY: "daily check",
    RunKind.NOTICE: "notice to admins",
}
TROUBLE = {
    RunKind.WEEKLY: ("The weekly reports", "were not sent"),
    RunKind.TEAM: ("The report of one team", "was not sent"),
    RunKind.DAILY: ("The daily check", "did not run"),
}


def send_question(
    period: str,
    team_emails: int,
    admin_emails: int,
    sent: int,
    who: str,
    transport: str,
    data: Mapping[str, str],
    *,
    addresses: Sequence[str] = (),
    sample: bool = False,
    no_admins: bool = False,
) -> Element:
    """Asks before anything is emailed: how many emails go to whom.

    ``no_admins``: there is an admin report, and nobody to get it.
    """
    total = team_emails + admin_emails
    parts = [f"{plural(team_emails, 'email')} to {plain(who, 80)}"]
    if admin_emails:
        parts.append(f"{admin_emails:,} to admins")
    before = f"{sent:,} already sent." if sent else "None sent before."
    outbox = f" {_goes(total)} to the outbox on this machine; nothing is emailed."
    return card(
        [
            sample_notice(sample),
            heading(f"{period_title(period)}: {', '.join(parts)}"),
            text(f"To {address_list(addresses)}") if addresses else None,
            text(f"{before}{outbox if transport == 'outbox' else ''}"),
            text(
                "The admin report has no recipients. To add some, write ", bold("recipients"), "."
            )
            if no_admins
            else None,
        ],
        [
            execute(f"Send {plural(total, 'email')}", "send.yes", data, style="positive"),
            execute("Cancel", "cancel"),
        ],
    )


def _goes(emails: int) -> str:
    return "It goes" if emails == 1 else "They go"


def run_progress(
    run: Run,
    counts: Mapping[DeliveryState, int],
    requested_by: str,
    history: HistoryProgress | None = None,
) -> Element:
    """A run that is not finished; ``history``: how much of it is read, while the run waits for it."""
    last_error = f" · {plain(run.last_error, 200)}" if run.last_error else ""
    by = note(f"by {plain(requested_by, 60)}, {clock_time(run.created_at)}{last_error}")
    sample = sample_notice(run.source == SAMPLE)
    if not run.planned and history is not None:
        months = f"{history.months_read} of {plural(history.months, 'month')}"
        words = text(bold(f"{period_title(run.period)}:"), f" Reading the cost history, {months}…")
        return card([sample, words, progress_bar(history.months_read, history.months), by])
    if not run.planned:
        words = text(bold(f"{period_title(run.period)}:"), " Reading costs and preparing reports…")
        return card([sample, words, progress_bar(0, 0), by])
    total = sum(counts.values())
    sent = counts.get(DeliveryState.SENT, 0)
    failed = sum(counts.get(state, 0) for state in FAILED)
    words = text(
        bold(f"{period_title(run.period)}:"), f" {sent:,} of {total:,} sent · {failed:,} failed"
    )
    return card([sample, words, progress_bar(sent + failed, total), by])


def run_result(
    run: Run,
    counts: Mapping[DeliveryState, int],
    failed: Sequence[Delivery],
    requested_by: str,
) -> Element:
    """The outcome of a run, with a retry of what failed."""
    sent = counts.get(DeliveryState.SENT, 0)
    by = note(f"by {plain(requested_by, 60)}, {clock_time(run.finished_at or run.created_at)}")
    sample = sample_notice(run.source == SAMPLE)
    words = f" {sent:,} of {sum(counts.values()):,} sent." if sent else " No email was sent."
    if run.state is RunState.FAILED:
        again = execute("Try again", "send", {"team": run.team_id or "weekly"})
        reason = f"{words} {sentence(run.last_error or '')}".rstrip()
        return card(
            [sample, text(bold(f"{period_title(run.period)}:"), reason), by],
            [again, _status_button()],
        )
    if run.transport == "outbox" and sent:
        words += f" {'It is' if sent == 1 else 'They are'} in the outbox on this machine."
    actions = [execute("Details", "run.details", {"run": run.id})]
    if failed:
        actions.insert(0, _retry_button(run, len(failed)))
    return card(
        [
            sample,
            text(bold(f"{period_title(run.period)}:"), words),
            *_failures([_failure(delivery) for delivery in failed], MAX_FAILURES),
            by,
        ],
        actions,
    )


def run_details(
    run: Run, counts: Mapping[DeliveryState, int], failed: Sequence[Delivery]
) -> Element:
    """The facts of a run, and its failed deliveries."""
    repeat = f", repeat {run.repeat}" if run.repeat > 1 else ""
    emails = ", ".join(f"{number:,} {state.value}" for state, number in counts.items())
    pairs = [
        ("Run", f"{period_title(run.period)}, {KIND_NAMES[run.kind]}{repeat}"),
        ("State", run.state.value),
        ("Requested by", actor_name(run.requested_by)),
        ("Started", clock_time(run.created_at)),
        ("Emails", emails or "none"),
    ]
    if run.summary:
        pairs.append(("Data through", f"{day(run.summary.data_through)} (UTC)"))
    if run.last_error:
        pairs.append(("Last error", plain(run.last_error, 300)))
    head = [sample_notice(run.source == SAMPLE), heading("Run"), facts(pairs)]
    failures = [_failure(delivery) for delivery in failed]
    return card([*head, *_failures(failures, MAX_DETAILED_FAILURES)])


def run_trouble(content: RunContent) -> Element:
    """Alerts about a run that failed, wholly or in part, and about its recovery."""
    run, sample = content.run, sample_notice(content.sample)
    if content.failed and run.state in {RunState.DONE, RunState.EXPIRED}:
        failures = _failures(content.failed, MAX_FAILURES, content.failed_count)
        actions = [_retry_button(run, content.failed_count), _status_button()]
        total = content.sent + content.failed_count
        title = f"{period_title(run.period)}: {content.sent:,} of {total:,} emails sent"
        return card([sample, heading(title), *failures], actions)
    if run.state is RunState.DONE:
        words = text(bold(period_title(run.period)), " was completed after all.")
        return card([sample, words], [_status_button()])
    reason = sentence(run.last_error) if run.last_error else ""
    if content.waiting:
        total = content.sent + content.failed_count + content.waiting
        sent = f"{content.sent:,} of {total:,} emails sent"
        title = f"{period_title(run.period)}: {sent}, {content.waiting:,} waiting"
        stalled = "No email has been sent for a while. Sending is retried automatically."
        return card(
            [sample, heading(title), text(f"{reason} {stalled}".strip())], [_status_button()]
        )
    subject, outcome = TROUBLE.get(run.kind, ("The reports", "were not sent"))
    again = " It is retried automatically." if run.state is RunState.OPEN else ""
    return card(
        [
            sample,
            heading(f"{subject} for {period_words(run.period)} {outcome}"),
            text(f"{reason or 'The reason is unknown.'}{again}"),
        ],
        [_status_button()],
    )


def _retry_button(run: Run, failed: int) -> Element:
    return execute(f"Retry {failed:,}", "run.retry", {"run": run.id})


def _status_button() -> Element:
    return execute("Status", "status")


def _failure(delivery: Delivery) -> tuple[str, str]:
    return delivery.recipient, delivery.error or delivery.state.value


def _failures(
    failures: Sequence[tuple[str, str]], max_shown: int, count: int | None = None
) -> list[Element]:
    """A line for each failed email (recipient, reason); ``count``: how many there are, if more."""
    lines = [
        text(f"{plain(recipient, 100)}: {plain(reason, 300)}", spacing="Small")
        for recipient, reason in failures[:max_shown]
    ]
    more = (len(failures) if count is None else count) - len(lines)
    return [*lines, *([note(f"and {more:,} more")] if more > 0 else [])]
