"""The data folder on the local disk."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from services.domain.errors import SettingsError


class Disk:
    """Implements ``services.ports.Folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
