"""The errors that use cases and adapters raise.

Every message is written for the person who reads it: what happened, what it means, what to do.
``permanent`` is False if the same call can succeed later. Each interface formats them in one
place: the command line as one line, REST as problem+json (RFC 9457).
"""

from collections.abc import Sequence

from services.domain.conversations import LostState


class AgentError(Exception):
    """Base class of all errors whose message may be shown to users."""

    permanent = True


class InvalidError(AgentError):
    """The input is invalid; ``errors`` has a (field, reason) pair for each problem."""

    def __init__(self, message: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class NotFoundError(AgentError):
    """The team, run, report or other object does not exist."""


class ConflictError(AgentError):
    """The request conflicts with stored data, such as a second team with the same account."""


class NameTakenError(ConflictError):
    """Another team has this name, or one that looks the same."""


class NotAllowedError(AgentError):
    """The caller is not allowed to do this."""


class SettingsError(AgentError):
    """A setting is missing or wrong; the message names the setting and the fix.

    ``problems`` has a sentence for each when there are several.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems) or [message]


class ClockSkewError(AgentError):
    """The clock of this machine is too far from MongoDB's for its worker to take work."""

    permanent = False


class CostSourceError(AgentError):
    """The cost source refused the request or sent an unusable response."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class ResponseTooLargeError(CostSourceError):
    """The response was too large or was truncated; request fewer accounts at a time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class CostHistoryEndsError(CostSourceError):
    """The source does not have costs that are this old, and never will."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class IncompleteCostsError(CostSourceError):
    """The groups of a response do not add up to the ungrouped total, so no report is created."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class StoreUnavailableError(AgentError):
    """MongoDB does not respond; the operation can be retried."""

    permanent = False


class StoreDeniedError(StoreUnavailableError):
    """MongoDB refuses the user or password; only a person can change that."""

    permanent = True


class LostLeaseError(AgentError):
    """Another worker has taken over; this one must stop and must not write anything more."""


class ConversationGoneError(AgentError):
    """Teams no longer accepts messages for this conversation; ``state`` says why."""

    def __init__(self, message: str, state: LostState) -> None:
        super().__init__(message)
        self.state = state


class MessageRefusedError(AgentError):
    """Teams will never accept this message; other messages may succeed."""


class MessageFateUnknownError(AgentError):
    """Teams did not confirm whether it accepted a message; it must not be sent again."""


class BotSignInError(AgentError):
    """The bot cannot get a token for Teams; the message names the setting to check.

    ``code`` is the HTTP status, or None if there was no response.
    """

    def __init__(self, message: str, *, permanent: bool, code: int | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.code = code


class MailError(AgentError):
    """The mail server refused or did not respond, before it had the message body."""

    def __init__(self, message: str, *, permanent: bool, code: int | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.code = code


class MailConnectError(MailError):
    """The mail server cannot be reached or refused to sign in; this affects every recipient."""


class MailFateUnknownError(AgentError):
    """The connection ended after the body was sent and before the server replied.

    The server may have accepted the message (RFC 5321, 4.2.5 and RFC 1047 describe this gap).
    """

    permanent = False
