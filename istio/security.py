"""AuthorizationPolicies: who may send which requests, by the caller's identity in mutual TLS."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.pods import Pods

Operation = Mapping[str, Sequence[str]]


def allow_callers(
    name: str,
    pods: Pods,
    callers: Sequence[Pods],
    operation: Operation,
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Return an AuthorizationPolicy that allows an operation; any other request gets 403.

    Args:
        name: The policy's name.
        pods: The pods that are called.
        callers: Who may call them; none means anybody.
        operation: What is allowed: `methods`, `hosts`, and `paths` as Istio path templates.
        opts: The policy's options; it is created after the namespace, and before the pods.
    """
    principals = [caller.principal for caller in callers]
    return CustomResource(
        f"{name}-callers",
        api_version=SECURITY,
        kind="AuthorizationPolicy",
        metadata={"name": name, "namespace": pods.namespace},
        spec={
            "selector": {"matchLabels": pods.labels},
            "action": "ALLOW",
            "rules": [
                {
                    **({"from": [{"source": {"principals": principals}}]} if principals else {}),
                    "to": [{"operation": operation}],
                }
            ],
        },
        opts=opts,
    )


def allow_nothing(namespace: str, opts: pulumi.ResourceOptions) -> CustomResource:
    """Return an AuthorizationPolicy without a rule: what no other one allows gets 403.

    Args:
        namespace: The namespace that it holds for.
        opts: The policy's options. It depends on the policies that allow requests: created after
            them and deleted before them, so that no request that is allowed is ever refused.
    """
    return CustomResource(
        f"{namespace}-allow-nothing",
        api_version=SECURITY,
        kind="AuthorizationPolicy",
        metadata={"name": "allow-nothing", "namespace": namespace},
        spec={},
        opts=opts,
    )
