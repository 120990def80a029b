"""The data folder on the local disk."""

import asyncio
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from services.domain.errors import SettingsError

OWN_NAMES = {"mongo", "outbox", "secret.key"}


class Disk:
    """Implements ``services.ports.Folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def close_to_others(self) -> None:
        """Create the folder, closed to other users of the machine: it contains captured
        emails, the key file, and the embedded MongoDB.

        If that fails, the code that needs the folder says what is wrong with it.
        """
        with suppress(OSError):
            # Otherwise it would come into being as the parent of one of these, with any mode.
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._is_own():
                self._folder.chmod(0o700)

    def _is_own(self) -> bool:
        """Whether nobody else uses the folder: DATA_DIR may be / or /tmp."""
        status, names = self._folder.stat(), {path.name for path in self._folder.iterdir()}
        is_shared = status.st_uid != os.geteuid() or status.st_mode & stat.S_ISVTX
        return not is_shared and (not names or bool(names & OWN_NAMES))

    async def free(self) -> int:
        """Free bytes; SettingsError when no file can be written."""
        return await asyncio.to_thread(self._free)

    def _free(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Written for real: free space and permission bits say nothing about a read-only mount
            # or an exhausted quota.
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(b"x")
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise SettingsError(
                f"DATA_DIR={self._folder} cannot be written ({reason}). Use a folder that belongs to "
                "the user the agent runs as, on a disk with free space."
            ) from error
        return shutil.disk_usage(self._folder).free
