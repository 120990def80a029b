"""``curl`` for the tests of the docs: the real one, or what stands in where there is none.

Either way each status is written to standard error and each request to ``$CURL_REQUESTS``, so that
a test sees what happened. ``CURL`` is the path of the real one; empty: stand in.
"""

import http.client
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

WITH_VALUE = {"-X", "-H", "-d", "--data-binary", "--retry", "--retry-delay"}
PLAIN = {"-s", "-f", "-sf", "--retry-connrefused"}
REFUSED, FAILED = 7, 22
"""What curl exits with."""


@dataclass
class Command:
    """The words after ``curl``."""

    url: str = ""
    plain: set[str] = field(default_factory=set)
    given: dict[str, list[str]] = field(default_factory=dict)

    def values(self, *names: str) -> list[str]:
        return [value for name in names for value in self.given.get(name, [])]

    @property
    def method(self) -> str:
        has_body = bool(self.values("-d", "--data-binary"))
        return (self.values("-X") or ["POST" if has_body else "GET"])[0]

    @property
    def target(self) -> str:
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")


def read(arguments: list[str]) -> Command:
    """An option that is not known here ends the test: it would be run untested."""
    found, left = Command(), iter(arguments)
    for word in left:
        if word in WITH_VALUE:
            found.given.setdefault(word, []).append(next(left))
        elif word in PLAIN:
            found.plain.add(word)
        else:
            assert not word.startswith("-"), f"{word} is not known here"
            assert not found.url, "two addresses"
            found.url = word
    return found


def main(arguments: list[str]) -> int:
    """Sends the request; the exit code is curl's."""
    command = read(arguments)
    with Path(os.environ["CURL_REQUESTS"]).open("a", encoding="utf-8") as file:
        file.write(f"{command.method} {command.target}\n")
    real = os.environ["CURL"]
    if real:
        more = ["-q", *arguments, "-w", "%{stderr}%{http_code}\n", "--noproxy", "*"]
        os.execv(real, [real, *more])
    tries = 1 + int((command.values("--retry") or ["0"])[0])
    for left in reversed(range(tries)):
        try:
            return stand_in(command)
        except ConnectionRefusedError:
            if not left:
                break
            time.sleep(float((command.values("--retry-delay") or ["1"])[0]))
    print("000", file=sys.stderr)
    return REFUSED


def stand_in(command: Command) -> int:
    parts = urlsplit(command.url)
    body = None
    for data in command.values("-d", "--data-binary"):
        body = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    headers = {
        name: value.strip()
        for name, _, value in (header.partition(":") for header in command.values("-H"))
    }
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request(command.method, command.target, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    print(answer.status, file=sys.stderr)
    if command.plain & {"-f", "-sf"} and answer.status >= 400:
        return FAILED
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
