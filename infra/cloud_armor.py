"""Cloud Armor: which requests Google's load balancer lets through to the ingress gateway."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

# The OWASP Core Rule Set as Google keeps it, at the level with the fewest false positives.
# https://cloud.google.com/armor/docs/waf-rules
RULES = (
    "sqli-v33-stable",
    "xss-v33-stable",
    "lfi-v33-stable",
    "rfi-v33-stable",
    "rce-v33-stable",
    "scannerdetection-v33-stable",
    "protocolattack-v33-stable",
    "sessionfixation-v33-stable",
    "cve-canary",
)
FIRST, LAST = 1000, 2147483647


def security_policy(
    name: str, policy_name: str, labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> gcp.compute.SecurityPolicy:
    """Declare a policy that denies what looks like an attack with 403, and allows the rest.

    Args:
        name: The resource's name.
        policy_name: The policy's name in Google Cloud.
        labels: Its labels.
        opts: Its options.
    """
    attacks: list[gcp.compute.SecurityPolicyRuleArgsDict] = [
        {
            "action": "deny(403)",
            "priority": FIRST + index,
            "description": rule,
            "match": {
                "expr": {"expression": f"evaluatePreconfiguredWaf('{rule}', {{'sensitivity': 1}})"}
            },
        }
        for index, rule in enumerate(RULES)
    ]
    rest: gcp.compute.SecurityPolicyRuleArgsDict = {
        "action": "allow",
        "priority": LAST,
        "description": "anything else",
        "match": {"versioned_expr": "SRC_IPS_V1", "config": {"src_ip_ranges": ["*"]}},
    }
    return gcp.compute.SecurityPolicy(
        name,
        name=policy_name,
        type="CLOUD_ARMOR",
        labels=labels,
        rules=[*attacks, rest],
        opts=opts,
    )
