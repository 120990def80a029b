"""Email addresses, and the addresses of this machine."""

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address

from email_validator import EmailNotValidError, validate_email

KEY_LENGTH = 20


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def email_address(text: str) -> str:
    """Normalize an email address; raise ValueError with a reason when it is not one.

    The domain is lower-cased and converted to its ASCII form (IDNA, RFC 5891), which every mail
    server understands and which makes two spellings of a domain comparable.
    """
    # A local part beyond ASCII has no such form: it needs SMTPUTF8 (RFC 6531) on every server on
    # the way, so one recipient with it would bounce wherever a single server lacks it.
    try:
        valid = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not an email address: {str(error).rstrip('.')}") from error
    return f"{valid.local_part}@{valid.ascii_domain}"


def unique_addresses(addresses: Sequence[str]) -> list[str]:
    """Remove duplicates, ignoring case; the first spelling of each address stays."""
    by_key: dict[str, str] = {}
    for address in addresses:
        by_key.setdefault(address.casefold(), address)
    return list(by_key.values())


def address_key(address: str) -> str:
    """A short hash of an address, usable in IDs; the same in upper and lower case."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:KEY_LENGTH]
