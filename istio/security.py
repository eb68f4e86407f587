"""AuthorizationPolicies: who may send which requests, by the caller's identity in mutual TLS."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.pods import WorkloadPods

Operation = Mapping[str, Sequence[str]]


def allow_callers(
    name: str,
    pods: WorkloadPods,
    callers: Sequence[WorkloadPods],
    operation: Operation,
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Return an AuthorizationPolicy that allows callers an operation; any other request gets 403.

    Args:
        name: The policy's name.
        pods: The pods that are called.
        callers: Who may call them; without any the policy allows nothing.
        operation: What is allowed: `methods`, `hosts`, and `paths` as Istio path templates.
        opts: The policy's options; it is created after the namespace, and before the pods.
    """
    principals = [caller.principal for caller in callers]
    rule = {"from": [{"source": {"principals": principals}}], "to": [{"operation": operation}]}
    return _allow(name, pods, [rule] if callers else [], opts)


def allow_anybody(
    pods: WorkloadPods, operation: Operation, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Return an AuthorizationPolicy that allows anybody an operation; any other gets 403.

    Args:
        pods: The pods that are called; the policy has their name.
        operation: What is allowed.
        opts: The policy's options.
    """
    return _allow(pods.name, pods, [{"to": [{"operation": operation}]}], opts)


def _allow(
    name: str,
    pods: WorkloadPods,
    rules: Sequence[Mapping[str, object]],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    return CustomResource(
        f"{pods.namespace}-{name}-callers",
        api_version=SECURITY,
        kind="AuthorizationPolicy",
        metadata={"name": name, "namespace": pods.namespace},
        spec={
            "selector": {"matchLabels": pods.labels},
            "action": "ALLOW",
            **({"rules": rules} if rules else {}),
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
