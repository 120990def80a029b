"""Addresses of people, and which hosts and URLs are this machine."""

import pytest

from services.domain.addresses import (
    email_address,
    host_of,
    is_loopback,
    is_loopback_authority,
    is_loopback_url,
)

OURS = ("localhost", "LOCALHOST:8001", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:8001")
FOREIGN = (
    *("[::1].evil.example", "[::1]evil.example", "[::1]:80.evil.example", "[[::1]]", "[::1"),
    *("localhost.evil.example", "evil.example:localhost", "127.0.0.1.evil.example", "127.0.0.1:"),
    *("localhost:80:80", "a@localhost", "localhost@evil.example", "localhost\\", "localhost%00"),
    *("localhost,evil.example", "localhost ", "", ":8001", "[]", "0.0.0.0", "[::]", "0x7f000001"),
)


@pytest.mark.parametrize("authority", OURS)
def test_a_host_that_can_only_be_this_machine(authority: str) -> None:
    assert is_loopback_authority(authority)
    for url in (f"http://{authority}", f"HTTPS://{authority}/a?b#c", f"http://{authority}?x"):
        assert is_loopback_url(url), url


@pytest.mark.parametrize("authority", FOREIGN)
def test_a_host_that_some_program_may_take_for_another(authority: str) -> None:
    assert not is_loopback_authority(authority)
    for url in (f"http://{authority}", f"https://{authority}/a"):
        assert not is_loopback_url(url), url


@pytest.mark.parametrize("authority", ["localhost/x", "localhost?x", "localhost#x", "[::1]/x"])
def test_a_host_header_holds_nothing_but_a_host(authority: str) -> None:
    assert not is_loopback_authority(authority)


def test_brackets_come_in_pairs() -> None:
    assert is_loopback("[::1]")
    assert is_loopback("::1")
    assert not is_loopback("[::1")
    assert not is_loopback("::1]")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.sharepoint.com/x@y", "a.sharepoint.com"),
        ("https://a.sharepoint.com:443?x", "a.sharepoint.com"),
        ("https://evil.example\\@a.sharepoint.com/", None),
        ("https://user@a.sharepoint.com/", None),
        ("https://evil.example#@a.sharepoint.com/", "evil.example"),
        ("ftp://a.sharepoint.com/", None),
        ("//a.sharepoint.com/", None),
        ("https://", None),
    ],
)
def test_the_host_of_a_url_has_one_reading(url: str, host: str | None) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("text", ["a" * 243 + "@example.org", "a@" + "b" * 200_000, "@" * 300_000])
def test_a_very_long_address_is_refused_by_its_length(text: str) -> None:
    """email-validator needs a second for 5 MB."""
    with pytest.raises(ValueError, match=r"characters, and the maximum is 254$"):
        email_address(text)


def test_the_longest_address_is_read() -> None:
    domain = ".".join(["d" * 60] * 3) + ".org"
    address = f"{'a' * 64}@{domain}"
    assert email_address(f"  {address}  ") == address
