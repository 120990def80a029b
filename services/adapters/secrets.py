"""Encryption of stored secrets: Fernet with a key from SECRET_KEY or from a file."""

import base64
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from services.domain.errors import SettingsError

KEY_FILE = "secret.key"


class FernetBox:
    """Implements ``services.ports.SecretBox``."""

    def __init__(
        self, secret_key: SecretStr | None, data_dir: Path, *, key_file_allowed: bool
    ) -> None:
        """Without ``secret_key``, a file in the data folder that only its owner can read is used.

        ``key_file_allowed``: False when replicas may share the database, as each would create a
        key of its own.
        """
        self._secret_key = secret_key
        self._path = data_dir / KEY_FILE
        self._key_file_allowed = key_file_allowed

    def encrypt(self, secret: str) -> str:
        """Raises SettingsError when there is no key."""
        return self._fernet(create=True).encrypt(secret.encode()).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Raises SettingsError when the key is not the one used to encrypt."""
        try:
            return self._fernet(create=False).decrypt(token.encode("ascii")).decode()
        except (InvalidToken, ValueError) as error:
            raise SettingsError(
                "The stored password cannot be decrypted with this SECRET_KEY. Set the SECRET_KEY that "
                "it was encrypted with, or set the password again: PUT /api/config, smtp_password."
            ) from error

    def _fernet(self, *, create: bool) -> Fernet:
        if self._secret_key is not None:
            # Fernet needs 32 bytes. A hash is enough and no slow key derivation is needed, as
            # SECRET_KEY is a long random text and not a password that people remember.
            digest = hashlib.sha256(self._secret_key.get_secret_value().encode()).digest()
            return Fernet(base64.urlsafe_b64encode(digest))
        if not self._key_file_allowed:
            raise SettingsError(
                "SECRET_KEY is not set. With MONGO_URL it is required to store a password. Set it to a "
                "long random text, the same for every replica."
            )
        if create:
            self._create_key_file()
        try:
            return Fernet(self._path.read_bytes().strip())
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The key file {self._path} is missing or damaged. Restore it, or store the "
                "password again."
            ) from error

    def _create_key_file(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(f".{os.getpid()}")
        if self._path.exists():
            return
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            # A link fails if the file exists, where a rename would replace the key of a process
            # that was faster, and with it lose what was encrypted since.
            with suppress(FileExistsError):
                os.link(unfinished, self._path)
            unfinished.unlink()
        except OSError as error:
            raise SettingsError(
                f"The key file {self._path} cannot be written ({error.strerror}). Make DATA_DIR "
                "writable, or set SECRET_KEY."
            ) from error
