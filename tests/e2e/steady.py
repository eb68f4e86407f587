"""Sends requests at a steady rate from inside of the cluster, and tells of each that failed.

A pod runs it with any Python: `python steady.py HOST PORT PATH AUTHORITY CONNECTIONS RATE`. It
prints a line of JSON each second, and one for each failure. Half of the connections are kept from
one request to the next; the others are new for each. A kept one that the server has closed is
replaced before a request is sent, as connection pools do; no request is ever sent twice.
"""

import json
import select
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 10

host, port, path, authority, connections, rate = sys.argv[1:]
pause = int(connections) / float(rate)
lock = threading.Lock()
sent = failed = 0
slowest = 0.0


def tell(**facts: object) -> None:
    print(json.dumps({"at": round(time.time(), 3), **facts}), flush=True)


def is_closed(connection: HTTPConnection) -> bool:
    sock = connection.sock
    return bool(sock and select.select([sock], [], [], 0)[0])


def ask(connection: HTTPConnection, headers: dict[str, str]) -> str:
    """Return what is wrong with the response; empty where nothing is."""
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        connection.close()
        return f"{type(error).__name__} {error}".strip()
    return "" if response.status == 200 else f"{response.status} {body[:200].decode()}"


def send(index: int) -> None:
    global sent, failed, slowest  # noqa: PLW0603
    kept = index % 2 == 0
    headers = {"Host": authority, **({} if kept else {"Connection": "close"})}
    connection = HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)
    due = time.monotonic() + pause * index / int(connections)
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due += pause
        if is_closed(connection):
            connection.close()
        began = time.monotonic()
        problem = ask(connection, headers)
        seconds = time.monotonic() - began
        with lock:
            sent += 1
            failed += bool(problem)
            slowest = max(slowest, seconds)
        if problem:
            tell(failure=problem, kept=kept, seconds=round(seconds, 3))


for number in range(int(connections)):
    threading.Thread(target=send, args=(number,), daemon=True).start()
while True:
    time.sleep(1)
    with lock:
        tell(sent=sent, failed=failed, slowest=round(slowest, 3))
        slowest = 0.0
