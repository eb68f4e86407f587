"""The states that a released version leaves: recorded on stand-in clouds, and brought back there.

`make release-state` records those of this checkout, as docs/releases.md says.
"""

import gzip
import json
import re
import tempfile
import tomllib
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi.automation import ConfigValue, Deployment, PulumiCommand
from semver import Version

from petmesh.program.pulumi_cli import find
from petmesh.project import ROOT
from tests.engine.checkout import GOOGLE_PROJECT, Checkout, Clouds, Step, clouds, copy_checkout
from tests.engine.standins.protocol import Made, StandIn

STATES = Path(__file__).parent / "states"
CHANGELOG = ROOT / "CHANGELOG.md"
# The stacks of each project of Google Cloud, in the order in which they come up.
PROJECTS = (("dev",), ("prod",), ("platform", "shop"))
_VERSION = re.compile(r"^## ([0-9.]+)$", re.MULTILINE)
_ANNOUNCED = re.compile(r"^- `([^`]+::[^`]+)`: ", re.MULTILINE)
# What differs from run to run, or tells of the machine.
_OF_THE_RUN = ("created", "modified", "sourcePosition", "stackTrace")
# What is no thing of a cloud's: components, and the SDK's providers, which have its version.
_NOT_IN_A_CLOUD = ("petmesh:", "pulumi:")
_SECRET = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")


@dataclass(frozen=True)
class Recorded:
    """One stack of a released version.

    Attributes:
        config: What its file held.
        deployment: What the engine exported, its secrets in plain: they are the stand-ins'.
    """

    config: Mapping[str, Any]
    deployment: Mapping[str, Any]


def present() -> str:
    """The version of this checkout."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def listed() -> Sequence[str]:
    """The versions that the changelog has, newest first."""
    return _VERSION.findall(CHANGELOG.read_text())


def newest() -> str:
    """The newest version whose states are recorded."""
    return max((each.name.removesuffix(".json.gz") for each in STATES.iterdir()), key=Version.parse)


def states(version: str) -> Mapping[str, Recorded]:
    """The stacks of a version, by their names."""
    text = gzip.decompress((STATES / f"{version}.json.gz").read_bytes())
    return {name: Recorded(**each) for name, each in json.loads(text).items()}


def announced(version: str) -> Collection[str]:
    """What the changelog says is replaced or deleted since a version, as TYPE::NAME patterns."""
    later, _, _ = CHANGELOG.read_text().partition(f"\n## {version}\n")
    return _ANNOUNCED.findall(later)


def lost(steps: Sequence[Step], announced: Collection[str] = ()) -> Sequence[str]:
    """What steps replace or delete in a cloud that isn't announced, as TYPE::NAME."""
    found = [
        "::".join((each.urn.split("::")[2].rpartition("$")[2], each.name))
        for each in steps
        if each.op in ("delete", "replace")
    ]
    return [
        each
        for each in found
        if not each.startswith(_NOT_IN_A_CLOUD)
        and not any(fnmatchcase(each, pattern) for pattern in announced)
    ]


@contextmanager
def up_to_now(
    folder: Path, command: PulumiCommand, stacks: Sequence[str]
) -> Generator[tuple[Clouds, Sequence[Checkout]]]:
    """Stacks of this checkout in one project, with nothing in it yet."""
    with clouds() as there:
        copy_checkout(folder, there)
        yield there, [Checkout(folder, there, command, each) for each in stacks]


def bring_back(recorded: Recorded, checkout: Checkout, there: Clouds) -> None:
    """Give a checkout's stack a recorded state and config, and the clouds what it knows of."""
    file = checkout.folder / f"Pulumi.{checkout.name}.yaml"
    held = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(held | {"config": recorded.config}))
    # What encrypts its secrets from now on.
    passphrase = {"type": "passphrase", "state": {"salt": held["encryptionsalt"]}}
    state = {**recorded.deployment, "secrets_providers": passphrase}
    checkout.stack.import_stack(Deployment(version=3, deployment=state))
    of: Mapping[str, StandIn] = {
        "gcp": there.google,
        "docker": there.docker,
        "kubernetes": there.kubernetes,
    }
    for each in recorded.deployment["resources"]:
        package = each["type"].partition(":")[0]
        if each.get("custom") and package in of:
            made = Made(each["urn"], plain(each["inputs"]), plain(each["outputs"]))
            of[package].made[each["type"], each["id"]] = made


def _record(command: PulumiCommand) -> Iterator[tuple[str, Recorded]]:
    for stacks in PROJECTS:
        with (
            tempfile.TemporaryDirectory() as folder,
            up_to_now(Path(folder), command, stacks) as (_, checkouts),
        ):
            for each in checkouts:
                if each.name != "shop":
                    each.stack.set_config("gcp:project", ConfigValue(GOOGLE_PROJECT))
                each.up()
                file = each.folder / f"Pulumi.{each.name}.yaml"
                config = yaml.safe_load(file.read_text())["config"]
                exported = each.stack.export_stack().deployment or {}
                resources = [
                    {key: held for key, held in one.items() if key not in _OF_THE_RUN}
                    for one in exported["resources"]
                ]
                yield each.name, Recorded(config, {"resources": resources})


def plain(held: Any) -> Any:  # noqa: ANN401 (data)
    """A state's value without the marks of secrets in it."""
    if isinstance(held, list):
        return [plain(each) for each in cast("list[Any]", held)]
    if isinstance(held, Mapping):
        known = cast("Mapping[str, Any]", held)
        if known.get(_SECRET[0]) == _SECRET[1]:
            return plain(json.loads(known["plaintext"]))
        return {key: plain(each) for key, each in known.items()}
    return held


if __name__ == "__main__":
    found = find()
    if found is None:
        raise SystemExit("no Pulumi CLI: run make install-cli")
    everything = {name: vars(each) for name, each in _record(found)}
    text = json.dumps(everything, sort_keys=True, separators=(",", ":"))
    (STATES / f"{present()}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
