"""``curl`` for the tests of the docs: the real one, or what stands in where there is none.

Either way each status is written to standard error and each request to ``$CURL_REQUESTS``, so that
a test sees what happened. ``CURL`` is the path of the real one; empty: stand in.
"""

import http.client
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

WITH_VALUE = {"-X": "method", "-H": "header", "-d": "data", "--data-binary": "data"}
PLAIN = {"-s", "-f", "-sf"}


def main(arguments: list[str]) -> int:
    """Sends the request; 22 for a refused one with ``-f``, as curl does."""
    given: dict[str, list[str]] = {"method": [], "header": [], "data": [], "url": []}
    left = iter(arguments)
    for word in left:
        if word in WITH_VALUE:
            given[WITH_VALUE[word]].append(next(left))
        elif word not in PLAIN:
            assert not word.startswith("-"), f"{word} is not known here"
            given["url"].append(word)
    (url,) = given["url"]
    method = given["method"][0] if given["method"] else ("POST" if given["data"] else "GET")
    with Path(os.environ["CURL_REQUESTS"]).open("a", encoding="utf-8") as file:
        file.write(f"{method} {urlsplit(url).path}?{urlsplit(url).query}\n")
    real = os.environ["CURL"]
    if real:
        words = [real, *arguments, "-w", "%{stderr}%{http_code}\n", "--noproxy", "*"]
        return subprocess.run(words, check=False).returncode
    return stand_in(method, url, given, fails={"-f", "-sf"} & set(arguments) != set())


def stand_in(method: str, url: str, given: dict[str, list[str]], *, fails: bool) -> int:
    parts = urlsplit(url)
    body = None
    for data in given["data"]:
        body = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    headers = {
        name: value.strip() for name, _, value in (h.partition(":") for h in given["header"])
    }
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    print(answer.status, file=sys.stderr)
    if fails and answer.status >= 400:
        return 22
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
