"""`python -m petmesh.cli`: the Pulumi CLI, or what stands in for it."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from pulumi.automation import PulumiCommand

from petmesh.program.pulumi_cli import PINNED_VERSION, CliError, find, install, state_environment
from petmesh.project import ROOT


def main() -> int:
    """Runs one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m petmesh.cli", description=__doc__)
    parser.add_argument("command", choices=("preview", "up", "destroy", "install", "find", "env"))
    parser.add_argument("--stack", default="local", help="the stack (default: local)")
    options, arguments = parser.parse_known_args()
    try:
        if options.command == "env":
            return _print_environment()
        if options.command == "install":
            print(f"Pulumi CLI: {install().command}")
            return 0
        if options.command == "find":
            print(f"Pulumi CLI: {_found().command}", flush=True)
            return 0
        return _run(options.command, options.stack, arguments)
    except CliError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _found() -> PulumiCommand:
    found = find()
    if found is None:
        raise CliError("no Pulumi CLI: run make install-cli")
    return found


def _print_environment() -> int:
    for name, value in state_environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _run(command: str, stack: str, arguments: list[str]) -> int:
    pulumi = find() or _offer()
    if pulumi is None and command == "preview" and not arguments:
        print(
            "No Pulumi CLI (make install-cli installs it): this is the in-process preview, not the "
            "engine's.",
            flush=True,
        )
        in_process = [sys.executable, "-m", "demo", "preview", "--stack", stack]
        return subprocess.run(in_process, cwd=ROOT, check=False).returncode
    if pulumi is None:
        what = shlex.join([command, *arguments])
        raise CliError(f"{what} needs the Pulumi CLI: run make install-cli, or install it")
    environment = {**os.environ, **state_environment()}
    if os.sep in pulumi.command:
        environment["PATH"] = f"{Path(pulumi.command).parent}{os.pathsep}{environment['PATH']}"
    print(f"The Pulumi CLI {pulumi.version}: pulumi {command} --stack {stack}", flush=True)
    select = [pulumi.command, "stack", "select", stack, "--create"]
    if status := subprocess.run(select, cwd=ROOT, env=environment, check=False).returncode:
        return status
    # The guard-rails hold for whatever is applied, and for what is taken away nothing has to.
    guard_rails = ["--policy-pack", "petmesh/guardrails"] if command in ("preview", "up") else []
    engine = [pulumi.command, command, "--stack", stack, *guard_rails, *arguments]
    return subprocess.run(engine, cwd=ROOT, env=environment, check=False).returncode


def _offer() -> PulumiCommand | None:
    if not sys.stdin.isatty():
        return None
    answer = input(f"No Pulumi CLI. Install the official {PINNED_VERSION} into ~/.pulumi? [y/N] ")
    return install() if answer.strip().lower() in ("y", "yes") else None


if __name__ == "__main__":
    sys.exit(main())
