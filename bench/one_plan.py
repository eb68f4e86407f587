"""One process of the benchmark of the plan: prints its processor time and peak memory as JSON.

Takes what it does, `plan` or `import`, and the file with the names of the SDK's modules, which a
plan writes and an import reads. It imports as little as possible besides.
"""

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path


def main(what: str, modules: Path) -> None:
    """Plan the stack `local`, or import the SDK's modules that a plan uses."""
    begun = time.process_time()
    if what == "plan":
        from petmesh.program.program import declare  # noqa: PLC0415 (what is measured)

        declare("local", {})
        seconds = time.process_time() - begun
        modules.write_text(json.dumps([name for name in sys.modules if name.startswith("pulumi")]))
    else:
        names = json.loads(modules.read_text())
        begun = time.process_time()
        for name in names:
            import_module(name)
        seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
