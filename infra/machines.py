"""What the nodes' machine type decides: their processors' architecture, and their boot disks."""

import re

# Every other series has x86 processors.
# https://cloud.google.com/compute/docs/instances/arm-on-compute
ARM_SERIES = frozenset({"a4x", "c4a", "n4a", "t2a"})

# Series of the fourth generation and later take no Persistent Disk, nor do bare metal and A3 Ultra.
# https://cloud.google.com/compute/docs/machine-resource#machine_type_comparison
# https://cloud.google.com/compute/docs/disks/hd-types/hyperdisk-balanced#machine-series-support
HYPERDISK_GENERATION = 4
HYPERDISK_TYPE = re.compile(r".*-metal|a3-ultragpu-.*")


def series(machine_type: str) -> str:
    """The machine series of a type: n4 of n4-standard-4."""
    return machine_type.partition("-")[0]


def is_arm(machine_type: str) -> bool:
    """Whether its processors are Arm."""
    return series(machine_type) in ARM_SERIES


def boot_disk(machine_type: str) -> str:
    """The type of a balanced boot disk that it takes, pd-balanced or hyperdisk-balanced."""
    generation = re.search(r"[0-9]+", series(machine_type))
    late = generation is not None and int(generation[0]) >= HYPERDISK_GENERATION
    alone = late or HYPERDISK_TYPE.fullmatch(machine_type)
    return "hyperdisk-balanced" if alone else "pd-balanced"
