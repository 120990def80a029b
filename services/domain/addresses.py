"""Email addresses, and the addresses of this machine."""

import hashlib
import re
from collections.abc import Sequence
from ipaddress import ip_address

from email_validator import EmailNotValidError, validate_email

KEY_LENGTH = 20
MAX_ADDRESS_LENGTH = 254
"""RFC 5321, 4.5.3.1.3: a path of 256 characters, less its angle brackets."""
AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
"""A host with an optional port. Of RFC 3986 (3.2), only what has a single reading: no user part, no
percent-encoding, nothing after the bracket of an IPv6 address but a port.
"""
HTTP_URL = re.compile(r"https?://([^/?#]*)(?:[/?#].*)?", re.DOTALL | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback_authority(authority: str) -> bool:
    """Whether a host with an optional port, as in a Host header, can only mean this machine."""
    # urlsplit takes [::1] for the host of "[::1].evil.example", and localhost for that of
    # "localhost/x".
    match = AUTHORITY.fullmatch(authority)
    return match is not None and is_loopback(match[1])


def host_of(url: str) -> str | None:
    """The host of an http or https URL, in lower case; None where programs may read another one."""
    match = HTTP_URL.fullmatch(url)
    authority = AUTHORITY.fullmatch(match[1]) if match else None
    return authority[1].lower() if authority else None


def is_loopback_url(url: str) -> bool:
    """Whether an http or https URL can only mean this machine."""
    return is_loopback(host_of(url) or "")


def email_address(text: str) -> str:
    """Normalize an email address; raise ValueError with a reason when it is not one.

    The domain is lower-cased and converted to its ASCII form (IDNA, RFC 5891), which every mail
    server understands and which makes two spellings of a domain comparable.
    """
    text = text.strip()
    # Checked first: email-validator needs a second to refuse 5 MB.
    if len(text) > MAX_ADDRESS_LENGTH:
        raise ValueError(
            f"is not an email address: it has {len(text):,} characters, and the maximum is "
            f"{MAX_ADDRESS_LENGTH}"
        )
    # A local part beyond ASCII has no such form: it needs SMTPUTF8 (RFC 6531) on every server on
    # the way, so one recipient with it would bounce wherever a single server lacks it.
    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
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
