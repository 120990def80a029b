"""How secrets are kept."""

from typing import Protocol


class SecretBox(Protocol):
    """Encrypts what is stored."""

    def encrypt(self, secret: str) -> str: ...

    def decrypt(self, token: str) -> str:
        """Raises SettingsError when the key is another one than at encryption."""
        ...
