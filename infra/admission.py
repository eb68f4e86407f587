"""Binary Authorization: which images may run."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

BINARY_AUTHORIZATION = "binaryauthorization.googleapis.com"
ENFORCED = "PROJECT_SINGLETON_POLICY_ENFORCE"

# Istio's releases come from one or the other.
# https://istio.io/latest/blog/2026/registry-istio-io/
ISTIO_IMAGES = ("docker.io/istio/*", "registry.istio.io/release/*")


def binary_authorization_policy(
    patterns: Sequence[pulumi.Input[str]],
    attestors: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> gcp.binaryauthorization.Policy:
    """Declare the project's Binary Authorization policy, which a project has one of.

    Google's system images are admitted by Google's own policy, these patterns without an
    attestation, and anything else with one of each attestor, or not at all.

    Args:
        patterns: Image name patterns; a * at the end stands for any name without a slash.
        attestors: Names of attestors, `projects/PROJECT/attestors/NAME`.
        opts: The policy's options.

    Source:
        https://cloud.google.com/binary-authorization/docs/policy-yaml-reference
    """
    rule: gcp.binaryauthorization.PolicyDefaultAdmissionRuleArgsDict = {
        "evaluation_mode": "REQUIRE_ATTESTATION" if attestors else "ALWAYS_DENY",
        "enforcement_mode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }
    if attestors:
        rule["require_attestations_bies"] = list(attestors)
    return gcp.binaryauthorization.Policy(
        "binary-authorization",
        admission_whitelist_patterns=[{"name_pattern": pattern} for pattern in patterns],
        default_admission_rule=rule,
        global_policy_evaluation_mode="ENABLE",
        opts=opts,
    )
