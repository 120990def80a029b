"""``make prove-install``: walks docs/install-linux.md word for word in a clean Debian.

Makes a Debian 12 with debootstrap in a temporary folder, runs every command block of the page there
in its order, with a Datadog-shaped server and a mail server of this project beside it, and checks
that every team got its mail. Then it runs the build steps of the Dockerfile there. Needs root, Linux
on x86-64, debootstrap and Debian's packages.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.datadog import API_KEY, APP_KEY, account_ids

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "install-linux.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATADOG_PORT, SMTP_PORT = 18126, 18025
PORT = 8001
ACCOUNTS, SEED = 84, 7
TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
TRUST_THERE = "/etc/ssl/trusted-here.crt"


def blocks(page: Path) -> list[str]:
    """The command blocks of a page, in order; those of another language are left out."""
    return [text for language, text in BLOCK.findall(page.read_text("utf-8")) if not language]


def prepared(block: str) -> str:
    """A block with what its reader fills in: the repository, keys, and servers that are here."""
    for placeholder, given in (
        ("<this repository>", "/srv/aws-cost-agent.git"),
        ("<a long random text>", "0123456789abcdef0123456789abcdef"),
        ("DATADOG_API_KEY=<key>", f"DATADOG_API_KEY={API_KEY}"),
        ("DATADOG_APP_KEY=<key>", f"DATADOG_APP_KEY={APP_KEY}"),
        ("DATADOG_SITE=datadoghq.com", f"DATADOG_API_URL=http://127.0.0.1:{DATADOG_PORT}"),
        ("MONGO_URL=mongodb://127.0.0.1:27017\n", ""),
        ("SMTP_HOST=smtp.office365.com", f"SMTP_HOST=127.0.0.1\nSMTP_PORT={SMTP_PORT}"),
        ("SMTP_USER=aws-notifications@yourcompany.com", "SMTP_TLS=none\nSMTP_RATE_PER_MINUTE=0"),
        ("SMTP_PASSWORD=<password>\n", ""),
    ):
        block = block.replace(placeholder, given)
    if "<" in block.replace("<<", ""):
        raise SystemExit(f"A placeholder is left in:\n{block}")
    return block


def docker_steps() -> list[str]:
    """The build stage's RUN lines of the Dockerfile, as they are."""
    build = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    steps = re.findall(r"^RUN (.*)$", build.replace("\\\n", " "), re.MULTILINE)
    if not steps:
        raise SystemExit("The Dockerfile has no build steps.")
    return steps


class Debian:
    """A Debian in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Makes it: the smallest Debian, and sudo, which a server has."""
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=sudo", "bookworm", self.folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if TRUST.is_file():
            # Where a proxy of a company stands before the package registries.
            (self.folder / "etc/ssl").mkdir(parents=True, exist_ok=True)
            shutil.copy(TRUST, self.folder / TRUST_THERE.lstrip("/"))
            (self.folder / "etc/pip.conf").write_text(f"[global]\ncert = {TRUST_THERE}\n")
        (self.folder / "etc/hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
        git = self.folder / "srv/aws-cost-agent.git"
        subprocess.run(["git", "clone", "-q", "--bare", ROOT, git], check=True)
        subprocess.run(["git", "-C", git, "config", "safe.directory", "*"], check=True)
        (self.folder / "root/.gitconfig").write_text("[safe]\n\tdirectory = *\n")
        shutil.copy(ROOT / "tests/install/systemctl", self.folder / "usr/local/bin/systemctl")

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """With /proc and /dev, as a running system has them."""
        done = []
        try:
            for name in ("proc", "dev", "dev/pts"):
                subprocess.run(["mount", "--bind", f"/{name}", self.folder / name], check=True)
                done.append(name)
            yield
        finally:
            for name in reversed(done):
                subprocess.run(["umount", "-l", self.folder / name], check=False)

    def run(self, script: str, where: str = "/opt/aws-cost-agent") -> None:
        """Runs commands as a person at a prompt would: each must succeed."""
        home = where if (self.folder / where.lstrip("/")).is_dir() else "/"
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }
        subprocess.run(
            ["chroot", self.folder, "/bin/bash", "-euo", "pipefail", "-c", f"cd {home}\n{script}"],
            env=environment,
            check=True,
        )


@contextmanager
def servers(record: Path) -> Iterator[None]:
    """The Datadog-shaped server and the mail server."""
    commands = (
        ["tests.servers.datadog", "--port", DATADOG_PORT, "--accounts", ACCOUNTS, "--seed", SEED],
        ["tests.servers.smtp", "--port", SMTP_PORT, "--record", record],
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait()


def teams_csv() -> str:
    """One team for each account of the server."""
    rows = [
        f"Team {i},{account},team{i}@yourcompany.com"
        for i, account in enumerate(account_ids(ACCOUNTS, SEED))
    ]
    return "\n".join(["team_name,aws_account_id,team_email", *rows, ""])


def walk(debian: Debian) -> None:
    """Every block of the page, in order."""
    (debian.folder / "tmp/teams.csv").write_text(teams_csv())
    for block in blocks(PAGE):
        script = prepared(block)
        print(f"\n$ {script.strip().replace(chr(10), chr(10) + '$ ')}", flush=True)
        debian.run(script)


def check_mails(record: Path) -> None:
    """Each team and the admins got one mail."""
    mails = [json.loads(line) for line in record.read_text().splitlines()]
    found = sorted(mail["recipient"] for mail in mails)
    wanted = sorted(
        ["finance@yourcompany.com", *(f"team{i}@yourcompany.com" for i in range(ACCOUNTS))]
    )
    if found != wanted:
        raise SystemExit(f"Mails went to {len(found)} addresses, {len(wanted)} were due.")
    print(f"\n{len(found)} mails were delivered, one to each address.")


def main() -> None:
    """The whole proof; ends with an error at the first step that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the Debian to look at it")
    keep = parser.parse_args().keep
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SystemExit(
            "Run it as root, with debootstrap installed (apt-get install debootstrap)."
        )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            raise SystemExit(f"Port {PORT} is taken. Stop what listens there: the page uses it.")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="prove-install-"))
    record = folder / "mails.jsonl"
    debian = Debian(folder / "debian")
    try:
        debian.make()
        with debian.mounted(), servers(record):
            try:
                walk(debian)
                check_mails(record)
                print("\nThe build steps of the Dockerfile:", flush=True)
                debian.run("rm -rf /app /venv && cp -r /opt/aws-cost-agent /app")
                for step in docker_steps():
                    print(f"$ {step}", flush=True)
                    debian.run(step.replace("python -m", "python3 -m"), "/app")
                debian.run("/venv/bin/python app.py --help", "/app")
            finally:
                subprocess.run(
                    [
                        "chroot",
                        debian.folder,
                        "/usr/local/bin/systemctl",
                        "stop",
                        "aws-cost-agent",
                    ],
                    check=False,
                )
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"Proved in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
