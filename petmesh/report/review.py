"""A change's review as Markdown: declared resources, differences, guard-rails, the canary's share.

All text that a change controls is in a code block that it can't end, so that it mentions nobody
and links or loads nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from petmesh.expectations import output
from petmesh.expectations.suite import Suite
from petmesh.program.declaration import STACK_TYPE
from petmesh.program.diff_text import printable
from petmesh.program.difference import Difference
from petmesh.program.urls import without_credentials
from petmesh.rehearsal.split import Split

# Marks the comment, so that a later report replaces it.
MARK = "<!-- petmesh: pull request preview -->"
# What a reader takes in, and what fits one comment of GitHub's, which has 65,536 characters.
LINES, NAMES, LIMIT = 60, 8, 60_000
_FENCE = "```"


@dataclass(frozen=True, kw_only=True)
class Review:
    """The review of a change in one stack.

    Attributes:
        stack: its name.
        declared: the number of declared resources, without components.
        rules: the number of guard-rails that were checked.
        compared: whether the base could be declared.
        differences: from the base, with the stack's outputs.
        splits: each rehearsed canary's share.
        problems: one line each.
        tested: the results of its expectations; None if none were tested.
    """

    stack: str
    declared: int = 0
    rules: int = 0
    compared: bool = False
    differences: tuple[Difference, ...] = ()
    splits: tuple[Split, ...] = ()
    problems: tuple[str, ...] = ()
    tested: Suite | None = None

    @property
    def unmet(self) -> int:
        """The number of expectations that weren't met."""
        return self.tested.failed if self.tested else 0


def markdown(reviews: Iterable[Review], base: str, commit: str) -> str:
    """Return the reviews of a change's stacks as Markdown.

    Args:
        reviews: one for each stack.
        base: the branch that they are compared with.
        commit: the merge base.
    """
    parts = [MARK]
    for review in reviews:
        parts += [f"### Preview of `{inline(review.stack)}`, in process", ""]
        parts += _stack(review, f"`{inline(base)}` ({commit[:7]})")
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
        lines += block(grouped(review.differences), "diff")
    if any(each.change == "~" and each.type != STACK_TYPE for each in review.differences):
        lines += ["An update or a replacement (`~`)? The engine's preview alone knows.", ""]
    if review.problems:
        lines += ["**To fix:**", "", *block(review.problems, "text")]
    elif review.rules:
        lines += [f"Guard-rails: {review.rules} rules, no violation.", ""]
    for split in review.splits:
        lines += [_split(split), ""] if split.workload else []
    if review.tested:
        lines += [output.markdown(review.tested), ""]
    return lines


def _count(differences: Sequence[Difference], base: str) -> str:
    """Return the number of changed resources, and whether outputs changed, as text."""
    resources = [each for each in differences if each.type != STACK_TYPE]
    told = f"{len(resources) or 'none'} changed against {base}"
    if len(resources) < len(differences):
        told += f", {'and' if resources else 'but'} the outputs"
    return told


def grouped(differences: Sequence[Difference]) -> list[str]:
    """Return removed, added and changed resources; those of a kind without notes share a line."""
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
    lowest, highest = split.share.ratios
    return (
        f"Rehearsed through Envoy: `{inline(split.workload)}` is to get {split.share.weight}%, "
        f"and got {split.share.ratio:.1%} of {split.requests:,} requests (99.9% interval "
        f"{lowest:.1%} to {highest:.1%}), {split.failures} failures."
    )


def block(lines: Sequence[str], language: str) -> list[str]:
    """Return lines in a code block, whatever they contain."""
    shown = [inline(line) for line in lines[:LINES]]
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return [f"{_FENCE}{language}", *shown, *more, _FENCE, ""]


def inline(text: str) -> str:
    """Return text on one line that can't end a code block, without the credentials of URLs."""
    return printable(without_credentials(" ".join(text.split()))).replace("`", "'")
