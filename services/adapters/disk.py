"""The folder that files are kept in."""

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
        """Free bytes, after a file could be written; SettingsError with the cure."""
        return await asyncio.to_thread(self._free)

    def _free(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(b"x")
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise SettingsError(
                f"DATA_DIR={self._folder} cannot be written ({reason}). Make it a folder of the "
                "user that the agent runs as, with room on its disk."
            ) from error
        return shutil.disk_usage(self._folder).free
