"""Strangers and clients that attack a served agent: ``python -m tests.slow.attackers PORT KEY SECONDS``.

A process of its own, so that whoever probes the agent meanwhile has a processor to do it with.
"""

import asyncio
import gzip
import resource
import sys
import time
from contextlib import suppress

IDLE = 1150
BOMBERS = 4
REOPEN_SECONDS = 5.0
"""A flood of new connections would be another attack, which a process cannot answer."""
BOMB = gzip.compress(b" " * 233_000_000, 9)


async def idle(port: int, sent: bytes, end: float) -> None:
    """Hold a connection that sends nothing more, and open another whenever it is closed."""
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(REOPEN_SECONDS)
            continue
        writer.write(sent)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(end - time.monotonic()):
                await reader.read()
        writer.close()
        await asyncio.sleep(REOPEN_SECONDS)


async def post(port: int, head: str, body: bytes, end: float) -> None:
    """Send the same request again and again, each on a new connection."""
    request = f"{head}Host: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    while time.monotonic() < end:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(30):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request + body)
                with suppress(ConnectionError):
                    await reader.read()
                writer.close()
        await asyncio.sleep(0)


async def attack(port: int, key: str, seconds: float) -> None:
    """Everything at once, for so long."""
    end = time.monotonic() + seconds
    json = "Content-Type: application/json\r\n"
    own = f"{json}Authorization: Bearer {key}\r\n"
    wrong = f"{json}Authorization: Bearer cst_abcd1234_{'x' * 43}\r\n"
    packed = "Content-Encoding: gzip\r\n"
    names = ",".join(f'"n{i}":0' for i in range(25_000))
    repeated = f'{{{names},"z":0,"z":1}}'.encode()
    rows = ",".join(
        f'{{"team_name":"T{i}","aws_account_id":"{i:012d}","team_email":"{"a" * 20_000}@x.org"}}'
        for i in range(50)
    )
    requests = [
        *[(f"POST /api/messages HTTP/1.1\r\n{json}{packed}", BOMB)] * (BOMBERS // 2),
        *[(f"PUT /api/config HTTP/1.1\r\n{own}{packed}", BOMB)] * (BOMBERS // 2),
        (f"PUT /api/config HTTP/1.1\r\n{own}", repeated),
        (f"POST /api/teams/bulk?dry_run=true HTTP/1.1\r\n{own}", f"[{rows}]".encode()),
        (f"POST /api/messages HTTP/1.1\r\n{json}", b"[" * 250_000),
        (f"PUT /api/config HTTP/1.1\r\n{wrong}", repeated),
    ]
    heads = (b"", b"GET / HTTP/1.1\r\nX: ", b"POST /api/messages HTTP/1.1\r\nHost: x\r\n")
    await asyncio.gather(
        *(idle(port, heads[number % len(heads)], end) for number in range(IDLE)),
        *(post(port, head, body, end) for head, body in requests),
    )


def main() -> None:
    """Attack as the command line says."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port, key, seconds = sys.argv[1:]
    asyncio.run(attack(int(port), key, float(seconds)))


if __name__ == "__main__":
    main()
