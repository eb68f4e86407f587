"""Which images a Dockerfile's build draws on."""

import pytest

from petmesh.guardrails.dockerfiles import UnreadableError, images, settings

BASE = "python@sha256:1"

DRAWN: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "stages and nothing are made here": (
        """
        FROM a AS one
        FROM --platform=linux/amd64 One AS two
        FROM scratch
        COPY --from=two / /
        COPY --chown=1 --from=0 / /
        RUN --mount=from=one,target=/m ls
        """,
        [("FROM", "a")],
    ),
    "a stage that comes later is an image": (
        "FROM a\nCOPY --from=later / /\nFROM b AS later",
        [("FROM", "a"), ("COPY --from", "later"), ("FROM", "b")],
    ),
    "what is copied from": (
        "FROM a\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/",
        [("FROM", "a"), ("COPY --from", "ghcr.io/astral-sh/uv:latest")],
    ),
    "what is mounted": (
        """
        FROM a
        RUN --network=none --mount=type=bind,from=b:latest,target=/b \\
          --mount=type=cache,"from=c",target=/c make
        """,
        [("FROM", "a"), ("RUN --from", "b:latest"), ("RUN --from", "c")],
    ),
    "what is fetched, but by its checksum": (
        "FROM a\nADD https://a.com/b.tgz /\nADD --checksum=sha256:1 https://a.com/c.tgz /",
        [("FROM", "a"), ("ADD", "https://a.com/b.tgz")],
    ),
    "what a later build copies": (
        "FROM a\nONBUILD COPY --from=b / /",
        [("FROM", "a"), ("ONBUILD --from", "b")],
    ),
    "the syntax": (
        "# escape=\\\n# syntax=docker/dockerfile:1\nFROM a",
        [("syntax", "docker/dockerfile:1"), ("FROM", "a")],
    ),
    "an argument of a stage says nothing of a FROM": (
        f"ARG BASE=a\nFROM ${{BASE}}\nARG BASE={BASE}\nFROM $BASE",
        [("FROM", "a"), ("FROM", "a")],
    ),
    "arguments that are quoted, on one line, and made of others": (
        "ARG NAME='python' TAG=\"1\"\nARG BASE=$NAME:${TAG}\nFROM $BASE",
        [("FROM", "python:1")],
    ),
    "an argument that is given, and one that nobody asked for": (
        "ARG GIVEN=a\nFROM $GIVEN\nFROM x$OTHER",
        [("FROM", "given"), ("FROM", "x")],
    ),
    "a default where a variable is used": (
        "FROM ${BASE:-a}\nFROM ${BASE-b}",
        [("FROM", "a"), ("FROM", "b")],
    ),
    "what isn't understood stays as it is": ("FROM ${BASE:+a}", [("FROM", "${BASE:+a}")]),
    "a line that goes on after a comment and an empty line": (
        "FROM \\\n# not this\n\n  a \\\n  AS one\nfrom one",
        [("FROM", "a")],
    ),
    "a program in a heredoc": (
        """
FROM a
RUN <<EOF python3
from x import y
EOF
COPY <<-'ONE' <<TWO /
\tFROM b
\tONE
FROM c
TWO
FROM d
""",
        [("FROM", "a"), ("FROM", "d")],
    ),
    "what only looks like a heredoc hides nothing": (
        """
FROM a
RUN echo x" <<EOF "y $((1 << 2))
FROM b
RUN cat \\" <<"EOF"
FROM c
EOF
""",
        [("FROM", "a"), ("FROM", "b")],
    ),
}


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("\ufeff# escape=`\nFROM `\na", [("FROM", "a")]),
        ("#!/bin/sh\n#syntax=b\nFROM a", [("syntax", "b"), ("FROM", "a")]),
        ("//syntax=b\nFROM a", [("syntax", "b"), ("FROM", "a")]),
        ('{"syntax": "b"}\nFROM a', [("syntax", "b"), ("FROM", "a")]),
    ],
)
def test_what_buildkit_sees_otherwise_than_it_looks(
    text: str, drawn: list[tuple[str, str]]
) -> None:
    assert list(images(text, {})) == drawn


@pytest.mark.parametrize("text", ["FROM a\nRUN cat <<NO_END\nFROM b", ""])
def test_what_buildkit_cant_read_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        list(images(text, {}))


@pytest.mark.parametrize("case", DRAWN)
def test_every_image_that_a_build_draws_on(case: str) -> None:
    text, drawn = DRAWN[case]
    assert list(images(text, {"GIVEN": "given", "OTHER": "other"})) == drawn


def test_what_a_dockerfile_sets() -> None:
    text = 'FROM a\nARG TOKEN=b OTHER\nENV A=c B="d"\nENV E f'
    given = [("TOKEN", "b"), ("OTHER", ""), ("A", "c"), ("B", '"d"'), ("E", "f")]
    assert list(settings(text)) == given
