"""How many of the valid objects in Istio's own source the rehearsal understands, by kind.

Run as a program (`make understood`), it prints the counts and what isn't understood, and writes
both to docs/istiod_understood.yaml; `make docs` puts them into the page.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from petmesh.mesh.fields import RefusedError
from petmesh.mesh.reading import NO_EFFECT
from petmesh.project import ROOT
from tests.istiod import built
from tests.istiod.corpus import declared
from tests.istiod.found import Found, every
from tests.istiod.valid import valid

LIST: Final = ROOT / "docs" / "istiod_understood.yaml"
# Kinds that steer requests, of which at least so many percent must be understood.
STEERING: Final = (
    *("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar"),
    *("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "WorkloadEntry"),
)
LEAST: Final = 90
KINDS: Final = (
    *STEERING,
    *("Telemetry", "EnvoyFilter", "Gateway of the Gateway API", "HTTPRoute", "GRPCRoute"),
    *("TLSRoute", "TCPRoute", "ReferenceGrant", "BackendTLSPolicy"),
)


def why_not(each: Found) -> str:
    """Why an object isn't understood; empty if it is."""
    kind = str(each.body["kind"])
    try:
        mesh = declared([each.body])
    except RefusedError as error:
        return str(error).splitlines()[0].partition(": ")[2]
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return repr(error)
    omitted = [each for each in mesh.omissions if each.what == kind and each.objects]
    if any(each.reason.startswith(NO_EFFECT) for each in omitted):
        return "it is left out with a warning: it patches what the translation doesn't"
    # What Istio itself does nothing with is understood.
    return next((o.reason for o in omitted if not o.reason.startswith("Istio ")), "")


def lax(found: Iterable[Found], held: Iterable[Found]) -> list[str]:
    """The objects that aren't valid and are taken all the same."""
    known = {id(each) for each in held}
    return [e.told for e in found if id(e) not in known and e.kind in KINDS and not why_not(e)]


def measured(found: Iterable[Found], held: Iterable[Found]) -> dict[str, Any]:
    """The counts by kind, and what isn't understood, in the form of the list.

    Args:
        found: every object.
        held: the valid ones.
    """
    shown = [each for each in found if each.kind in KINDS]
    reasons = [(each, why_not(each)) for each in held if each.kind in KINDS]
    others: dict[tuple[str, str], list[Found]] = {}
    for each, reason in reasons:
        if reason:
            others.setdefault((each.kind, reason), []).append(each)
    return {
        "kinds": [
            {
                "kind": kind,
                "found": sum(each.kind == kind for each in shown),
                "valid": sum(each.kind == kind for each, _ in reasons),
                "understood": sum(each.kind == kind and not why for each, why in reasons),
            }
            for kind in KINDS
        ],
        "others": [
            {"kind": kind, "number": len(each), "reason": reason, "one": each[0].told}
            for (kind, reason), each in sorted(others.items())
        ],
    }


def found_and_valid(binary: Path) -> tuple[list[Found], list[Found]]:
    """The objects of Istio's source, and the valid ones.

    Raises:
        ProcessError: istiod couldn't be started.
    """
    source = built.source()
    if isinstance(source, str):
        sys.exit(source)
    found = every(source)
    with tempfile.TemporaryDirectory() as folder:
        return found, asyncio.run(valid(found, binary, source, Path(folder)))


def main() -> int:
    """Print and write what is measured."""
    binary = built.binary()
    if binary is None:
        print("ISTIOD: must be the path of pilot-discovery, which `make istiod` builds")
        return 1
    read = measured(*found_and_valid(binary))
    LIST.write_text(yaml.safe_dump(read, sort_keys=False, width=1000), encoding="utf-8")
    for each in read["kinds"]:
        print(f"{each['understood']} of {each['valid']} of {each['found']} found: {each['kind']}")
    for each in read["others"]:
        print(f"not understood: {each['number']} {each['kind']}: {each['reason']} ({each['one']})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
