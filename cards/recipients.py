"""The recipients of the admin report."""

from collections.abc import Sequence

from cards.elements import (
    Element,
    card,
    execute,
    heading,
    note,
    plain,
    problem,
    text,
    text_input,
)
from services.domain import Role, StoredConfig
from services.domain.formatting import plural

MAX_SHOWN = 30
MAX_FORM = 5000
"""Characters of addresses that the form holds."""


def recipients_card(
    config: StoredConfig, role: Role, typed: str | None = None, problems: Sequence[str] = ()
) -> Element:
    """Who gets the admin report, and a form for admins.

    ``typed`` was rejected because of ``problems``.
    """
    addresses = config.global_admin_emails
    is_admin = role == "admin"
    body, actions = _form(addresses, typed) if is_admin else ([], [])
    if not actions:
        body = [*_address_list(addresses), *body]
    return card(
        [
            heading(
                f"{plural(len(addresses), 'recipient')} of the admin report"
                if addresses
                else "The admin report has no recipients"
            ),
            None if addresses else text("Add an address to send it."),
            problem([plain(line, 400) for line in problems]) if problems else None,
            *body,
        ],
        actions,
    )


def _address_list(addresses: Sequence[str]) -> list[Element]:
    shown = [text(plain(address, 120), spacing="Small") for address in addresses[:MAX_SHOWN]]
    more = len(addresses) - len(shown)
    return [*shown, *([note(f"and {more:,} more")] if more else [])]


def _form(addresses: Sequence[str], typed: str | None) -> tuple[list[Element], list[Element]]:
    """A form with all addresses. If it cannot hold them all there is none, as saving it would drop
    the rest.
    """
    value = ", ".join(addresses) if typed is None else typed
    if len(value) > MAX_FORM:
        hint = (
            "To change the list, write recipients add name@example.com or "
            "recipients remove name@example.com."
        )
        return [note(hint)], []
    field = text_input(
        "mails",
        "Email addresses, separated by commas",
        value=value,
        max_length=MAX_FORM,
        multiline=True,
        error="Enter email addresses, separated by commas.",
    )
    return [field], [execute("Save", "recipients.save", inputs=True)]
