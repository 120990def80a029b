"""Encryption of stored secrets."""

from typing import Protocol


class SecretBox(Protocol):
    """Encrypts secrets before they are stored."""

    def encrypt(self, secret: str) -> str: ...

    def decrypt(self, token: str) -> str:
        """Raises SettingsError if the secret was encrypted with another key."""
        ...
