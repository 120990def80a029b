"""What can go wrong, named by what happens next.

Every message is a sentence for the person who reads it and says what to do. ``permanent``
tells whether trying again without a change can help. Doors turn these into words in one
place each: the command line into one line, REST into problem+json.
"""

from typing import Literal


class AgentError(Exception):
    """Base of all errors with a sentence for people."""

    permanent = True


class InvalidError(AgentError):
    """The input is wrong; ``errors`` names each field: ``[(field, reason), ...]``."""

    def __init__(self, message: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class NotFoundError(AgentError):
    """There is no such team, run or report."""


class ConflictError(AgentError):
    """The input clashes with what is stored, such as a second team on an account."""


class NotAllowedError(AgentError):
    """Whoever asks may not do this."""


class SettingsError(AgentError):
    """A setting is missing or wrong; names the setting and the cure."""


class CostSourceError(AgentError):
    """The cost source refused or gave no usable answer."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class AnswerTooLargeError(CostSourceError):
    """The answer was refused as too large, or was cut off; ask for fewer accounts."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class CostHistoryEndsError(CostSourceError):
    """The source keeps no costs that are this old, and never will."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class IncompleteCostsError(CostSourceError):
    """The groups of an answer do not add up to the ungrouped total: no report is made."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class StoreUnavailableError(AgentError):
    """MongoDB does not answer; what was asked can be tried again."""

    permanent = False


class LostLeaseError(AgentError):
    """Another worker has taken over; this one must stop and write nothing more."""


class ConversationGoneError(AgentError):
    """Teams takes no message for this conversation any more; ``state`` says why."""

    def __init__(self, message: str, state: Literal["uninstalled", "blocked"]) -> None:
        super().__init__(message)
        self.state = state


class MessageRefusedError(AgentError):
    """Teams will never take this message, whoever sends it; others may go well."""


class MessageFateUnknownError(AgentError):
    """Teams did not say whether it took a message; it must not be sent again."""


class BotSignInError(AgentError):
    """The bot cannot get a token for Teams; names the setting to check.

    ``code``: the HTTP status, None when there was no answer.
    """

    def __init__(self, message: str, *, permanent: bool, code: int | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.code = code


class MailError(AgentError):
    """The mail server refused or did not answer before the message body was handed over."""

    def __init__(self, message: str, *, permanent: bool, code: int | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.code = code


class MailConnectError(MailError):
    """The mail server cannot be reached or does not let us in; concerns every recipient."""


class MailFateUnknownError(AgentError):
    """The connection ended after the body was handed over and before the server's answer."""

    permanent = False
