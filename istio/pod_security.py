"""Kubernetes' Pod Security: the level `restricted` for a namespace's pods.

Enforced is the level as one release of Kubernetes has it, so that an upgrade of the cluster refuses
no pod that ran before it. Warnings and audit follow the cluster's own release: they show beforehand
what a newer version would refuse.

Source:
    https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

ENFORCED_VERSION = "v1.34"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": ENFORCED_VERSION,
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/audit-version": "latest",
    "pod-security.kubernetes.io/warn": "restricted",
    "pod-security.kubernetes.io/warn-version": "latest",
}
SECCOMP = {"type": "RuntimeDefault"}
