"""Settings of the process: where it listens, what it logs, where it stores data."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from services.settings.group import SettingsGroup
from services.settings.kinds import DatabaseName, Host


class MongoSettings(SettingsGroup):
    url: SecretStr | None = Field(
        None,
        alias="MONGO_URL",
        description="MongoDB connection string. Unset: the embedded MongoDB.",
    )
    database: DatabaseName = Field(
        "aws_cost_agent", alias="DB_NAME", description="Name of the database."
    )


class ServerSettings(SettingsGroup):
    host: Host = Field("127.0.0.1", alias="HOST", description="Address to listen on.")
    port: int = Field(8001, alias="PORT", description="Port to listen on.", ge=1, le=65535)
    data_dir: Path = Field(
        Path("var"),
        alias="DATA_DIR",
        description="Folder for the embedded MongoDB, the outbox, and the key file. Only the agent's "
        "user can open it.",
    )
    secret_key: SecretStr | None = Field(
        None,
        alias="SECRET_KEY",
        description="Key that encrypts stored secrets. Unset: a key file in `DATA_DIR`.",
        min_length=16,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="LOG_LEVEL", description="`DEBUG`, `INFO`, `WARNING`, or `ERROR`."
    )
    log_format: Literal["console", "json"] = Field(
        "console", alias="LOG_FORMAT", description="`console` or `json`."
    )

    @property
    def outbox_dir(self) -> Path:
        """Where captured emails are stored."""
        return self.data_dir / "outbox"
