"""A stand-in for Google Cloud, Kubernetes and Docker: outputs and invoke results of a run.

Plausible, deterministic values for exactly the properties that a program may build on. Addresses
are of the ranges reserved for documentation (RFC 5737).
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from petmesh.program.google_ids import google_id

Properties = dict[str, Any]
ACCOUNT = "you@example.com"
_CA_CERTIFICATE = base64.b64encode(b"in-process run: no certificate").decode()


def computed_outputs(
    type_: str, name: str, inputs: Mapping[str, Any], config: Mapping[str, str]
) -> tuple[str, Properties]:
    """Return the id of a created resource, and its outputs beyond its inputs.

    Args:
        type_: the resource's type token, such as `gcp:container/cluster:Cluster`.
        name: its logical name.
        inputs: its inputs as plain data.
        config: the stack's configuration; `gcp:project` is the default project.
    """
    project = str(inputs.get("project") or config.get("gcp:project", ""))
    if type_.startswith("kubernetes:"):
        return _kubernetes(type_, name, inputs)
    known = _OUTPUTS.get(type_)
    outputs = known(name, inputs, project) if known else {}
    if type_.startswith("gcp:"):
        called = str(inputs.get("name") or outputs.get("name") or name)
        named = {**inputs, "name": called}
        path = google_id(type_, named, project) or f"projects/{project}/{called}"
        outputs = {
            "name": called,
            "project": project,
            "selfLink": f"https://www.googleapis.com/{path}",
            **outputs,
        }
        return str(outputs.get("id", path)), outputs
    return str(outputs.get("id", f"{name}-id")), outputs


def invoke_result(token: str, args: Mapping[str, Any], config: Mapping[str, str]) -> Properties:
    """Return the result of an invoke.

    Raises:
        LookupError: the function is unknown.
    """
    project = config.get("gcp:project", "")
    results: dict[str, Properties] = {
        "gcp:container/getCluster:getCluster": _found_cluster(args),
        "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo": {
            "id": ACCOUNT,
            "email": ACCOUNT,
        },
        "gcp:organizations/getClientConfig:getClientConfig": {
            "id": project,
            "project": project,
            "region": config.get("gcp:region", ""),
            "zone": config.get("gcp:zone", ""),
            "accessToken": "in-process-run",
            "defaultLabels": {},
        },
        "gcp:organizations/getProject:getProject": {
            "id": f"projects/{project}",
            "projectId": args.get("projectId") or project,
            "number": "123456789012",
            "name": project,
        },
    }
    if token not in results:
        raise LookupError(f"{token}: the in-process run has no result for this function")
    return results[token]


def _kubernetes(type_: str, name: str, inputs: Mapping[str, Any]) -> tuple[str, Properties]:
    if type_ == "kubernetes:helm.sh/v3:Release":
        called = str(inputs.get("name") or f"{name}-{_digest(name)[:8]}")
        namespace = str(inputs.get("namespace") or "default")
        status = {
            "name": called,
            "namespace": namespace,
            "status": "deployed",
            "chart": inputs.get("chart"),
            "version": inputs.get("version"),
            "revision": 1,
        }
        return f"{namespace}/{called}", {"name": called, "namespace": namespace, "status": status}
    metadata: Properties = dict(inputs.get("metadata") or {})
    metadata.setdefault("name", f"{name}-{_digest(name)[:8]}")
    metadata.setdefault("uid", _digest(f"{type_} {name}")[:32])
    outputs: Properties = {"metadata": metadata}
    spec: Properties = dict(inputs.get("spec") or {})
    if type_ == "kubernetes:core/v1:Service":
        # A Service that is read, not declared, has no spec here, and may be a LoadBalancer.
        balanced = spec.get("type") == "LoadBalancer" or not spec
        ingress = [{"ip": "203.0.113.80"}] if balanced else []
        outputs["status"] = {"loadBalancer": {"ingress": ingress}}
        outputs["spec"] = {"clusterIP": "192.0.2.10", **spec}
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"]), outputs


def _cluster(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    called = str(inputs.get("name") or name)
    location = str(inputs.get("location") or "")
    control_plane: Properties = dict(inputs.get("controlPlaneEndpointsConfig") or {})
    control_plane["dnsEndpointConfig"] = {
        **(control_plane.get("dnsEndpointConfig") or {}),
        "endpoint": f"gke-0123456789abcdef-123456789012.{location}.gke.goog",
    }
    return {
        "id": f"projects/{project}/locations/{location}/clusters/{called}",
        "name": called,
        "endpoint": "203.0.113.10",
        "masterVersion": "1.34.1-gke.1000",
        "masterAuth": {
            **(inputs.get("masterAuth") or {}),
            "clusterCaCertificate": _CA_CERTIFICATE,
        },
        "controlPlaneEndpointsConfig": control_plane,
    }


def _found_cluster(args: Mapping[str, Any]) -> Properties:
    """A cluster that is looked up: its endpoint, and nothing that is known of its settings."""
    return {
        **args,
        "endpoint": "203.0.113.10",
        "masterVersion": "1.34.1-gke.1000",
        "masterAuths": [{"clusterCaCertificate": _CA_CERTIFICATE}],
    }


def _service_account(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    email = f"{inputs.get('accountId', name)}@{project}.iam.gserviceaccount.com"
    path = f"projects/{project}/serviceAccounts/{email}"
    return {
        "id": path,
        "name": path,
        "email": email,
        "member": f"serviceAccount:{email}",
        "uniqueId": str(int(_digest(email)[:16], 16)),
    }


def _custom_role(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    path = f"projects/{project}/roles/{inputs.get('roleId', name)}"
    return {"id": path, "name": path}


def _repository(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    repository = str(inputs.get("repositoryId") or name)
    location = str(inputs.get("location") or "")
    return {
        "id": f"projects/{project}/locations/{location}/repositories/{repository}",
        "name": repository,
        "registryUri": f"{location}-docker.pkg.dev/{project}/{repository}",
    }


def _address(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    called = inputs.get("name", name)
    path = f"projects/{project}/regions/{inputs['region']}/addresses/{called}"
    return {"id": path, "name": called, "address": "203.0.113.80"}


def _global_address(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    called = str(inputs.get("name") or name)
    path = f"projects/{project}/global/addresses/{called}"
    return {"id": path, "name": called, "address": "203.0.113.90"}


def _dns_authorization(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    called = str(inputs.get("name") or name)
    domain = str(inputs.get("domain") or "")
    record = {
        "name": f"_acme-challenge.{domain}.",
        "type": "CNAME",
        "data": f"{_digest(f'{project} {domain}')[:36]}.0.authorize.certificatemanager.goog.",
    }
    return {
        "id": f"projects/{project}/locations/global/dnsAuthorizations/{called}",
        "dnsResourceRecords": [record],
    }


def _image(name: str, inputs: Mapping[str, Any], project: str) -> Properties:
    del project
    image = str(inputs.get("imageName") or name)
    repository = image if image.rfind(":") <= image.rfind("/") else image.rpartition(":")[0]
    digest = _digest(json.dumps(inputs, sort_keys=True, default=str))
    reference = f"{repository}@sha256:{digest}"
    return {"id": reference, "imageName": image, "baseImageName": image, "repoDigest": reference}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_OUTPUTS: dict[str, Callable[[str, Mapping[str, Any], str], Properties]] = {
    "gcp:container/cluster:Cluster": _cluster,
    "gcp:projects/iAMCustomRole:IAMCustomRole": _custom_role,
    "gcp:serviceaccount/account:Account": _service_account,
    "gcp:artifactregistry/repository:Repository": _repository,
    "gcp:compute/address:Address": _address,
    "gcp:compute/globalAddress:GlobalAddress": _global_address,
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": _dns_authorization,
    "docker:index/image:Image": _image,
}
