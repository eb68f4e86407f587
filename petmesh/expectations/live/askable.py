"""What of an expectation a live cluster can be asked, and why not the rest."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from petmesh.expectations.model import Expectation, Expected

# What nobody but the proxies of a rehearsal tells.
_TOLD_BY_PROXIES: Final = ("workload", "version", "pods", "log", "mirrored")


def impossible(expectation: Expectation) -> str:
    """Return why an expectation can't be asked of any cluster; empty if it can."""
    if expectation.faults:
        return "faults: nothing is broken in a cluster"
    if expectation.token is not None:
        return "token: a key of this machine signs it, which is none of the issuer's"
    if expectation.certificate is not None:
        return "certificate: an authority of this machine issues it, which no cluster trusts"
    if urlsplit(expectation.url).scheme == "tcp":
        return "url: a connection that isn't HTTP is made in a rehearsal alone"
    return ""


def reduced(expectation: Expectation, *, without_body: bool) -> tuple[Expectation | None, str]:
    """Return what of an expectation can be asked, None for nothing, and a line for the rest.

    Args:
        expectation: the whole one.
        without_body: whether bodies of responses aren't known.
    """
    expected = expectation.expect
    names = [name for name in _TOLD_BY_PROXIES if getattr(expected, name) is not None]
    names += ["share"] if expected.share and not _by_status(expected) else []
    told = [f"{', '.join(names)}: only a rehearsal's proxies tell"] if names else []
    if expected.seen is not None:
        names.append("seen")
        told.append("seen: only a stand-in tells")
    if without_body and expected.body is not None:
        names.append("body")
        told.append("body: isn't kept of requests at the same time")
    if not names:
        return expectation, ""
    kept = {name: getattr(expected, name) for name in _kept(expected, names)}
    if not set(kept) - {"failures", "tolerance"}:
        return None, "; ".join(told)
    return (
        expectation.model_copy(update={"expect": Expected.model_construct(**kept)}),
        "; ".join(told),
    )


def or_reset(expectation: Expectation) -> Expectation:
    """Return an expectation in which the 502 of a host that nobody declares may be a reset."""
    expected = expectation.expect
    if HTTPStatus.BAD_GATEWAY not in expected.status:
        return expectation
    either = expected.model_copy(update={"status": (*expected.status, 0)})
    return expectation.model_copy(update={"expect": either})


def _kept(expected: Expected, left_out: list[str]) -> Iterator[str]:
    gone = {*left_out, *(["tolerance"] if "share" in left_out else [])}
    yield from (name for name in sorted(expected.model_fields_set) if name not in gone)


def _by_status(expected: Expected) -> bool:
    return all(name.isdigit() for name in expected.share)
