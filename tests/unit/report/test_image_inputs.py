"""The images that a change of files rebuilds."""

import pytest

from petmesh.report.image_inputs import built_anew
from tests.unit.declared import local

SHARED = [
    "petdetailsservice-v1-image",
    "petdetailsservice-v2-image",
    "petmedicalhistoryservice-v1-image",
    "petservice-v1-image",
]


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("apps/petservice/api.py", ["petservice-v1-image"]),
        ("apps/petservice/Dockerfile", ["petservice-v1-image"]),
        ("apps/petdetailsservice/data.py", SHARED[:2]),
        ("apps/httpservice/server.py", SHARED),
        ("apps/petservice/größe\n.py", ["petservice-v1-image"]),
        ("apps/requirements.txt", SHARED),
        ("apps/httpservice/testing.py", []),
        ("apps/petservice/tests/test_api.py", []),
        ("apps/petservice/README.md", []),
        ("apps/workload.py", []),
        ("apps/workload\n.py", []),
        ("apps/petservice/api.py\n", []),
        ("elsewhere/petservice/api.py", []),
        ("README.md", []),
    ],
)
def test_an_image_is_built_anew_from_what_its_context_lets_in(file: str, images: list[str]) -> None:
    built = built_anew(local().resources, [file, "Makefile"])
    assert sorted(built) == images
    assert all(files == [file] for files in built.values())
