"""kubectl in front of a rehearsal: pods are files, and their curl runs here, by a pod's sidecar.

STAND_IN is a folder: `callers.json` has what to add to curl's requests by service account, and
`behaviour.json` what goes wrong. It writes each created pod to `NAME.json`, and each command to
`commands.jsonl`.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("STAND_IN", "."))


def create(context: str) -> int:
    pod: dict[str, Any] = json.loads(sys.stdin.read())
    behaviour = held("behaviour.json")
    if behaviour.get("refuses"):
        print("Error from server (Forbidden): pods is forbidden", file=sys.stderr)
        return 1
    pod["context"] = context
    injected = pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"
    if injected and not behaviour.get("injects_nothing"):
        pod["spec"]["initContainers"] = [{"name": "istio-proxy", "restartPolicy": "Always"}]
    (FOLDER / f"{pod['metadata']['name']}.json").write_text(json.dumps(pod))
    print(json.dumps(pod))
    return 0


def execute(name: str) -> int:
    behaviour = held("behaviour.json")
    if behaviour.get("runs_nothing"):
        print("error: unable to upgrade connection: forbidden", file=sys.stderr)
        return 1
    if behaviour.get("hangs"):
        time.sleep(60)
    account = held(f"{name}.json")["spec"]["serviceAccountName"]
    added = held("callers.json")[account]
    config = sys.stdin.read().replace('noproxy = "*"', added)
    return subprocess.run(["curl", "--config", "-"], input=config.encode(), check=False).returncode


def held(name: str) -> dict[str, Any]:
    file = FOLDER / name
    return json.loads(file.read_text()) if file.is_file() else {}


def may() -> int:
    refused = held("behaviour.json").get("never_deletes")
    print("no" if refused else "yes")
    return 1 if refused else 0


def wait() -> int:
    if not held("behaviour.json").get("waits"):
        return 0
    print("error: timed out waiting for the condition", file=sys.stderr)
    return 1


def get() -> int:
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    print(json.dumps({"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}))
    return 0


def delete(what: str) -> int:
    if not what.startswith("--"):
        (FOLDER / f"{what}.json").unlink(missing_ok=True)
    return 1 if held("behaviour.json").get("keeps") else 0


def main(arguments: list[str]) -> int:
    with (FOLDER / "commands.jsonl").open("a") as log:
        log.write(json.dumps(arguments) + "\n")
    context, _namespace, command, *rest = arguments
    answers = {
        "auth": may,
        "create": lambda: create(context),
        "wait": wait,
        "get": get,
        "exec": lambda: execute(rest[1]),
        "delete": lambda: delete(rest[1]),
    }
    return answers[command]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
