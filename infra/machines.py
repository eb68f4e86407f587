"""Machine types: the architecture of their processors, and the boot disks that they take."""

# Every other series has x86 processors.
# https://cloud.google.com/compute/docs/instances/arm-on-compute
ARM_SERIES = frozenset({"c4a", "n4a", "t2a"})

# The boot disk that each series of GKE's takes; bare metal takes no Persistent Disk, whatever its
# series. None has GPUs or TPUs: GKE taints such nodes, and no pod of this stack would run there.
# https://cloud.google.com/compute/docs/machine-resource#machine_type_comparison
# https://cloud.google.com/compute/docs/disks/hd-types/hyperdisk-balanced#machine-series-support
# https://cloud.google.com/kubernetes-engine/docs/concepts/machine-support
PERSISTENT_DISK, HYPERDISK = "pd-balanced", "hyperdisk-balanced"
SERIES: dict[str, str] = {
    name: disk
    for disk, names in (
        (PERSISTENT_DISK, "c2 c2d c3 c3d custom e2 h3 m1 m2 m3 n1 n2 n2d t2a t2d z3"),
        (HYPERDISK, "c4 c4a c4d h4d m4 n4 n4a n4d"),
    )
    for name in names.split()
}


def series(machine_type: str) -> str:
    """The machine series of a type: n4 of n4-standard-4."""
    return machine_type.partition("-")[0]


def is_arm(machine_type: str) -> bool:
    """Whether a machine type's processors are Arm."""
    return series(machine_type) in ARM_SERIES


def boot_disk(machine_type: str) -> str:
    """The type of a balanced boot disk that a type of one of `SERIES` takes."""
    return HYPERDISK if machine_type.endswith("-metal") else SERIES[series(machine_type)]


# The technologies that encrypt the memory of Confidential GKE Nodes, and the series that have them.
# https://cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations
CONFIDENTIAL: dict[str, tuple[str, ...]] = {
    "SEV": ("c2d", "c3d", "c4d", "n2d"),
    "SEV_SNP": ("n2d",),
    "TDX": ("c3",),
}


def may_be_confidential(machine_type: str, technology: str) -> bool:
    """Whether nodes of a machine type may be confidential by a technology of `CONFIDENTIAL`."""
    shape = machine_type.partition("-")[2]
    bare = shape.endswith(("-metal", "-lssd"))
    return series(machine_type) in CONFIDENTIAL[technology] and not bare
