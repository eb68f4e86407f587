"""A change's review as Markdown: what is declared, what differs, the guard-rails, the split.

Everything that a change can put into it stands in a code block that it can't end, so that nobody
is mentioned and nothing is linked or loaded by it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from petmesh.program.declaration import STACK_TYPE
from petmesh.program.diff_text import printable
from petmesh.program.difference import Difference
from petmesh.program.urls import without_credentials
from petmesh.rehearsal.split import Split

# A comment's mark, by which a later report takes its place.
MARK = "<!-- petmesh: pull request preview -->"
# What a reader takes in, and what one comment of GitHub's takes: 65,536 characters.
LINES, NAMES, LIMIT = 60, 8, 60_000
_FENCE = "```"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a change comes to in one stack.

    Attributes:
        stack: its name.
        declared: how many resources it declares, components left aside.
        rules: how many guard-rails it was held against.
        compared: whether the base could be asked.
        differences: from the base, the stack's outputs among them.
        split: the rehearsed canary; none where the stack has none.
        problems: what must be mended.
    """

    stack: str
    declared: int = 0
    rules: int = 0
    compared: bool = False
    differences: tuple[Difference, ...] = ()
    split: Split | None = None
    problems: tuple[str, ...] = ()


def markdown(reviews: Iterable[Review], base: str, commit: str) -> str:
    """The reviews of a change's stacks.

    Args:
        reviews: one for each stack.
        base: the branch that they are compared with.
        commit: its newest commit that the change has too.
    """
    parts = [MARK]
    for review in reviews:
        parts += [f"### Preview of `{_inline(review.stack)}`, in process", ""]
        parts += _stack(review, f"`{_inline(base)}` ({commit[:7]})")
    text = "\n".join(parts)
    if len(text) > LIMIT:
        cut = text[:LIMIT].rpartition("\n")[0]
        # An odd number of fences leaves one open.
        text = f"{cut}\n{_FENCE if cut.count(_FENCE) % 2 else ''}\n\nCut: too long for a comment."
    return text.rstrip() + "\n"


def _stack(review: Review, base: str) -> list[str]:
    lines: list[str] = []
    if review.declared:
        told = _count(review.differences, base) if review.compared else "not compared"
        lines += [f"{review.declared} resources declared, {told}.", ""]
    if review.differences:
        lines += _block(_grouped(review.differences), "diff")
    if any(each.change == "~" and each.type != STACK_TYPE for each in review.differences):
        lines += ["An update or a replacement (`~`)? The engine's preview alone knows.", ""]
    if review.problems:
        lines += ["**To be mended:**", "", *_block(review.problems, "text")]
    elif review.rules:
        lines += [f"Guard-rails: {review.rules} rules, nothing to mend.", ""]
    if review.split and review.split.workload:
        lines += [_split(review.split), ""]
    return lines


def _count(differences: Sequence[Difference], base: str) -> str:
    """How much changed, outputs aside."""
    resources = [each for each in differences if each.type != STACK_TYPE]
    told = f"{len(resources) or 'none'} changed against {base}"
    if len(resources) < len(differences):
        told += f", {'and' if resources else 'but'} the outputs"
    return told


def _grouped(differences: Sequence[Difference]) -> list[str]:
    """What goes, what comes, what changes; those of a kind that say no more share a line."""
    lines: list[str] = []
    for sign in ("-", "+"):
        lines += [str(each) for each in differences if each.change == sign and each.note]
        names: dict[str, list[str]] = {}
        for each in differences:
            if each.change == sign and not each.note:
                names.setdefault(each.kind, []).append(each.name)
        for kind, found in names.items():
            count = f"{len(found)} " if len(found) > 1 else ""
            more = f" and {len(found) - NAMES} more" if len(found) > NAMES else ""
            lines.append(f"{sign} {count}{kind} {', '.join(found[:NAMES])}{more}")
    return [*lines, *(str(each) for each in differences if each.change == "~")]


def _split(split: Split) -> str:
    lowest, highest = split.interval
    return (
        f"Rehearsed through Envoy: `{_inline(split.workload)}` is to get {split.weight}%, and got "
        f"{split.share:.1%} of {split.requests:,} requests (99.9% interval {lowest:.1%} to "
        f"{highest:.1%}), {split.failures} failures."
    )


def _block(lines: Sequence[str], language: str) -> list[str]:
    """Lines in a code block, whatever they hold."""
    shown = [_inline(line) for line in lines[:LINES]]
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return [f"{_FENCE}{language}", *shown, *more, _FENCE, ""]


def _inline(text: str) -> str:
    """Text on one line that can't end a code block and tells no password of a URL."""
    return printable(without_credentials(" ".join(text.split()))).replace("`", "'")
