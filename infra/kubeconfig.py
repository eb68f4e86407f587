"""A kubeconfig without a credential: its exec plugin gets a short-lived one."""

import json


def kubeconfig(name: str, endpoint: str, ca_certificate: str | None) -> str:
    """The kubeconfig of a GKE cluster, as JSON, which is YAML too.

    Args:
        name: The name of its cluster, user and context.
        endpoint: The control plane's host name or address.
        ca_certificate: The control plane's CA in base64; none where the public CAs vouch for it, as
            they do for a DNS endpoint.

    Source:
        https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl
    """
    cluster = {"server": f"https://{endpoint}"}
    if ca_certificate:
        cluster["certificate-authority-data"] = ca_certificate
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "gke-gcloud-auth-plugin",
        "installHint": "gcloud components install gke-gcloud-auth-plugin",
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"exec": plugin}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
