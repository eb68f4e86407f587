"""Text from outside, made fit for a terminal, a log and a journal."""

from typing import Annotated

from pydantic import AfterValidator

LONGEST = 1000
_CUT = "…"


def plain(text: str) -> str:
    """One line of printable text, at most `LONGEST` characters.

    What others wrote (Prometheus, the engine, the cluster, a file) may hold escape characters that
    steer a terminal, line ends that forge a line of a log, and megabytes.

    Returns:
        The text with its lines joined by semicolons, and what isn't printable replaced by U+FFFD.
    """
    lines = (line.strip() for line in text[: 4 * LONGEST].splitlines())
    line = "; ".join(filter(None, lines))
    line = "".join(
        each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in line
    )
    return line if len(line) <= LONGEST else line[: LONGEST - len(_CUT)] + _CUT


Plain = Annotated[str, AfterValidator(plain)]
