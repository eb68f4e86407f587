"""Runs the `petmesh` command as `python -m petmesh`."""

import sys

from petmesh.cli.app import main

sys.exit(main(sys.argv[1:]))
