"""Sections 3 to 5 of the set-up guide, word for word: from settings to the first mail."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

from services.domain import DaySpan
from tests.conftest import ROOT
from tests.servers.datadog import FakeDatadog, random_costs
from tests.servers.entra import FakeEntra
from tests.servers.mongo import free_ports
from tests.servers.smtp import FakeSmtp

TEAM, ADMIN = "platform@yourcompany.com", "finance@yourcompany.com"
MAILBOX = "aws-notifications@yourcompany.com"
GUIDE = (ROOT / "docs" / "setup.md").read_text("utf-8")
LEFT_OUT = {"MONGO_URL", "SECRET_KEY"}
"""The guide says that they may be, for a trial."""


def blocks(number: int) -> list[str]:
    """The fenced blocks of a section."""
    section = re.search(rf"^## {number}\. .*?(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)
    assert section is not None
    return re.findall(r"^```\w*\n(.*?)^```$", section[0], re.MULTILINE | re.DOTALL)


def is_settings(block: str) -> bool:
    return all(re.match(r"[A-Z_]+=", line) for line in block.splitlines())


class Admin:
    """Somebody who follows the guide in a folder of theirs."""

    def __init__(self, folder: Path, values: dict[str, str]) -> None:
        self._folder = folder
        self._values = values
        self.port = free_ports(1)[0]
        self.environment = {"PATH": os.environ["PATH"], "PORT": str(self.port)}
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (folder / "app.py").write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport app\nsys.exit(app.main())\n"
        )

    async def types(self, block: str) -> str:
        """Runs a block as it stands, but for the port."""
        text = block.replace(":8001", f":{self.port}")
        process = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-c", text),
            cwd=self._folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, f"{block}\n{out.decode()}"
        return out.decode()

    def writes(self, block: str, more: Sequence[str] = ()) -> None:
        """Puts settings into ``.env``, with values of this test for what the guide leaves open."""
        lines = []
        for line in block.splitlines():
            name, _, value = line.partition("=")
            if name not in LEFT_OUT:
                lines.append(f"{name}={self._values.get(name, value)}")
        with (self._folder / ".env").open("a") as file:
            file.write("\n".join([*lines, *more, ""]))

    async def starts(self) -> "subprocess.Popen[bytes]":
        """The agent in another terminal; waits until it serves."""
        process = subprocess.Popen(
            shlex.split(".venv/bin/python app.py"),
            cwd=self._folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        while b"Serving on" not in (line := await asyncio.to_thread(process.stdout.readline)):
            assert line, "the agent ended"
        return process


async def stops(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    await asyncio.to_thread(process.communicate)


async def test_the_guide_leads_from_settings_to_the_first_email(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    span = DaySpan(today - timedelta(days=80), today - timedelta(days=2))
    costs = random_costs(["123456789012", "210987654321"], span, 3)
    async with FakeDatadog(costs) as datadog, FakeEntra() as entra, FakeSmtp() as smtp:
        smtp.tokens = entra.tokens
        oauth = entra.settings(transport="smtp", auth="oauth2", host="127.0.0.1", tls="none")
        secret = oauth.oauth_client_secret
        assert secret is not None
        here = {
            **datadog.environment(),
            **smtp.environment(),
            "SMTP_OAUTH_TENANT_ID": str(oauth.oauth_tenant_id),
            "SMTP_OAUTH_CLIENT_ID": str(oauth.oauth_client_id),
            "SMTP_OAUTH_CLIENT_SECRET": secret.get_secret_value(),
        }
        admin = Admin(tmp_path, here)
        (csv,) = [block for block in blocks(1) + csv_blocks() if block.startswith("team_name")]
        (tmp_path / "teams.csv").write_text(csv)

        make, settings, check = blocks(3)
        await admin.types(make)
        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
        admin.writes(settings, [f"DATADOG_API_URL={datadog.url}"])
        assert "ERROR" not in await admin.types(check)

        imports, configure = blocks(4)
        assert "1 created" in await admin.types(imports)
        agent = await admin.starts()
        assert ADMIN in await admin.types(configure)

        look, one_team, server, all_of_it = blocks(5)
        assert f"{TEAM}: " in await admin.types(look)
        assert "<html" in (tmp_path / "admin.html").read_text()
        assert "1 sent (outbox)" in await admin.types(one_team)
        (captured,) = (tmp_path / "var" / "outbox").glob("*.eml")
        assert message_from_bytes(captured.read_bytes())["To"] == TEAM
        assert smtp.mails == []
        await stops(agent)

        assert is_settings(server)
        mail = [f"{name}={value}" for name, value in smtp.environment().items()]
        mail = [line for line in mail if not line.startswith(("SMTP_HOST", "SENDER"))]
        admin.writes(server, [*mail, f"SMTP_OAUTH_AUTHORITY={oauth.oauth_authority}"])
        assert f"signed in; emails are sent from {MAILBOX}" in await admin.types(check)
        agent = await admin.starts()
        assert "2 sent" in await admin.types(all_of_it)
        assert "nothing was sent now" in await admin.types(all_of_it.splitlines()[-1])
        await stops(agent)

    assert smtp.by_recipient == {TEAM: 2, ADMIN: 1}, "one alone, then the week's"
    assert {mail.sender for mail in smtp.mails} == {MAILBOX}


def csv_blocks() -> list[str]:
    """Blocks inside of lists are indented."""
    found = re.findall(r"^  ```csv\n(.*?)^  ```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^  ", "", block, flags=re.MULTILINE) for block in found]
