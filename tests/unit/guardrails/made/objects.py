"""Kubernetes objects that no stack has."""

from tests.unit.guardrails.judged import changed, closed, istio, resource, workload
from tests.unit.guardrails.legitimate import LEGITIMATE
from tests.unit.guardrails.made.common import (
    AMBIENT,
    OWN,
    RESTRICTED,
    STRICT,
    LetThrough,
    Refused,
    cluster,
    mesh_namespace,
    of_whole_mesh,
    open_namespace,
)
from tests.unit.guardrails.overlooked import istiod

# What no stack may have: the rules, the resources and what is said.
REFUSED: Refused = {
    "a patch that lets every caller in": (
        "objects-stand-alone & callers-are-named",
        [istio("AuthorizationPolicyPatch", "security", rules=[{}])],
        "AuthorizationPolicy pets/tried: spec.rules[0].from is not set",
    ),
    "a patch that lets pods reach everything": (
        "objects-stand-alone & paths-are-named",
        [resource("kubernetes:networking.k8s.io/v1:NetworkPolicyPatch", spec={"egress": [{}]})],
        "spec.egress[0].to is not set",
    ),
    "a list of pods": (
        "objects-stand-alone",
        [resource("kubernetes:core/v1:PodList", items=[])],
        'kind is "PodList": declare each of its objects',
    ),
    "an Ingress": (
        "one-way-in",
        [resource("kubernetes:networking.k8s.io/v1:Ingress", spec={})],
        "route to it from the ingress gateway, or keep it within the network by its cloud's",
    ),
    "an Ingress that its annotation makes public": (
        "one-way-in",
        [
            resource(
                "kubernetes:networking.k8s.io/v1:Ingress",
                metadata={"annotations": {"alb.ingress.kubernetes.io/scheme": "internet-facing"}},
            )
        ],
        'kind is "Ingress"',
    ),
    "a second load balancer": (
        "one-way-in",
        [
            resource(
                "kubernetes:gateway.networking.k8s.io/v1:Gateway",
                metadata={"name": "public", "namespace": "pets"},
                spec={"gatewayClassName": "gke-l7-global-external-managed"},
            )
        ],
        'Gateway pets/public: spec.gatewayClassName is "gke-l7-global-external-managed"',
    ),
    "a wildcard role": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "*"]}],
            )
        ],
        'rules[0].verbs is ["get", "*"]: name what is needed',
    ),
    "cluster-admin": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
                roleRef={"kind": "ClusterRole", "name": "cluster-admin"},
            )
        ],
        'roleRef.name is "cluster-admin"',
    ),
    "rights for the default account": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
                roleRef={"kind": "Role", "name": "reader"},
                subjects=[{"kind": "ServiceAccount", "name": "default"}],
            )
        ],
        'subjects[0].name is "default"',
    ),
    "a namespace that says nothing of its pods": (
        "namespaces-restricted",
        [resource("kubernetes:core/v1:Namespace", metadata={"name": "free"}), closed("free")],
        "Namespace free: metadata.labels[pod-security.kubernetes.io/enforce] is not set: set it",
    ),
    "a namespace of baseline pods": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
            ),
            closed(),
        ],
        'enforce] is "baseline"',
    ),
    "namespaces of the mesh that take plaintext": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "stable"}),
            istio(
                "PeerAuthentication",
                "security",
                selector={"matchLabels": {"app": "tried"}},
                mtls={"mode": "STRICT"},
            ),
        ],
        'Namespace pets: metadata.labels[istio.io/rev] is "stable": add a PeerAuthentication',
    ),
    "a namespace of a revision that no istiod has": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "nobody"}),
            STRICT,
            istiod(revision="stable", revisionTags=["prod"]),
        ],
        'Namespace pets: metadata.labels[istio.io/rev] is "nobody": name a revision',
    ),
    "pods of a revision that no istiod has": (
        "namespaces-closed",
        [
            changed(
                workload("Job", "batch"),
                "spec.template.metadata.labels",
                {"istio.io/rev": "nobody"},
            ),
            istiod(),
        ],
        'Job pets/tried: spec.template.metadata.labels[istio.io/rev] is "nobody": name a revision',
    ),
    "a namespace that is called like the cluster's own": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace", metadata={"name": "kube-evil", "labels": RESTRICTED}
            ),
            closed("kube-evil"),
        ],
        "Namespace kube-evil: metadata.labels.istio-injection is not set",
    ),
    "a revision's namespace that allows everything": (
        "namespaces-closed",
        [*open_namespace({"istio.io/rev": "stable"}), STRICT],
        'Namespace pets: metadata.labels[istio.io/rev] is "stable": add an AuthorizationPolicy',
    ),
    "an ambient namespace that allows everything": (
        "namespaces-closed",
        [*open_namespace(AMBIENT), STRICT],
        'Namespace pets: metadata.labels[istio.io/dataplane-mode] is "ambient": add an',
    ),
    "an ambient namespace that takes plaintext": (
        "namespaces-closed",
        mesh_namespace(AMBIENT),
        'Namespace pets: metadata.labels[istio.io/dataplane-mode] is "ambient": add a Peer',
    ),
    "a namespace that is closed by a patch": (
        "namespaces-restricted & objects-stand-alone & namespaces-closed",
        [
            resource("kubernetes:core/v1:Namespace", metadata={"labels": RESTRICTED}),
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
                metadata={"namespace": "made"},
                spec={"policyTypes": ["Ingress", "Egress"]},
            ),
        ],
        "Egress of every pod is",
    ),
    "a kind that no rule judges": (
        "kinds-are-known",
        [resource("kubernetes:argoproj.io/v1alpha1:Rollout")],
        'type is "kubernetes:argoproj.io/v1alpha1:Rollout": use a Deployment, or list',
    ),
    "a load balancer that another cloud would keep within": (
        "internal-on-its-own-cloud",
        [
            cluster(nodeConfig=OWN),
            resource(
                "kubernetes:core/v1:Service",
                metadata={
                    "annotations": {
                        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"
                    }
                },
                spec={"type": "LoadBalancer"},
            ),
        ],
        "one of networking.gke.io/load-balancer-type: Internal, cloud.google.com/load-balancer",
    ),
    "a route of every host": (
        "gateway-api-hosts-are-named",
        [resource("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", spec={"rules": []})],
        "spec.hostnames is not set: name the hosts",
    ),
}
# What a rule lets pass: its name and the resources.
ALLOWED: LetThrough = {
    "the ingress gateway's address": (
        "one-way-in",
        [
            resource(
                "kubernetes:core/v1:Service",
                metadata={"name": "istio-ingressgateway", "namespace": "istio-ingress"},
                spec={"type": "LoadBalancer"},
            )
        ],
    ),
    "addresses within the network": (
        "one-way-in",
        [
            *(
                resource(
                    "kubernetes:core/v1:Service",
                    metadata={"annotations": {annotation: value}},
                    spec={"type": "LoadBalancer"},
                )
                for annotation, value in (
                    ("networking.gke.io/load-balancer-type", "Internal"),
                    ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
                    ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
                )
            ),
            *(
                resource(
                    "kubernetes:networking.k8s.io/v1:Ingress",
                    metadata={"annotations": {annotation: value}},
                )
                for annotation, value in (
                    ("kubernetes.io/ingress.class", "gce-internal"),
                    ("alb.ingress.kubernetes.io/scheme", "internal"),
                    ("appgw.ingress.kubernetes.io/use-private-ip", "true"),
                )
            ),
        ],
    ),
    "a definition that has no items": (
        "objects-stand-alone",
        [resource("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", spec={})],
    ),
    "named rights": (
        "rights-are-named",
        [
            resource(
                "kubernetes:rbac.authorization.k8s.io/v1:Role",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
            )
        ],
    ),
    "a namespace that is listed, and a closed one": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                "cert-manager",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            closed("cert-manager"),
            *mesh_namespace({"istio-injection": "enabled"}),
            STRICT,
        ],
    ),
    "nobody allowed in by the whole mesh's word": (
        "namespaces-closed",
        [*open_namespace({"istio.io/rev": "stable"}), of_whole_mesh("AuthorizationPolicy"), STRICT],
    ),
    "mutual TLS by the whole mesh's word": (
        "namespaces-closed",
        [
            *mesh_namespace({"istio.io/rev": "stable"}),
            of_whole_mesh("PeerAuthentication", mtls={"mode": "STRICT"}),
        ],
    ),
    "a namespace that one policy closes each way": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            *(
                resource(
                    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                    direction,
                    metadata={"name": direction.lower(), "namespace": "cert-manager"},
                    spec={"podSelector": {"matchLabels": {}}, "policyTypes": [direction]},
                )
                for direction in ("Ingress", "Egress")
            ),
        ],
    ),
    "the outside, for the pods that need it": (
        "paths-are-named",
        [
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                metadata={"namespace": "istio-ingress"},
                spec={
                    "podSelector": {"matchLabels": {"app": "gateway"}},
                    "ingress": [{"ports": [{"port": 443}]}],
                    "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
                },
            )
        ],
    ),
    "a namespace that is closed but for DNS": (
        "namespaces-closed",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "observability", "labels": RESTRICTED},
            ),
            resource(
                "kubernetes:networking.k8s.io/v1:NetworkPolicy",
                metadata={"name": "default", "namespace": "observability"},
                spec={
                    "podSelector": {},
                    "policyTypes": ["Ingress", "Egress"],
                    "egress": [
                        {
                            "to": [{"namespaceSelector": {"matchLabels": {"dns": "here"}}}],
                            "ports": [{"protocol": "UDP", "port": 53}],
                        }
                    ],
                },
            ),
        ],
    ),
    "a restricted namespace": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:Namespace",
                metadata={"name": "cert-manager", "labels": RESTRICTED},
            ),
            closed("cert-manager"),
        ],
    ),
    "a patch that labels a namespace": (
        "namespaces-restricted",
        [
            resource(
                "kubernetes:core/v1:NamespacePatch",
                metadata={"name": "kube-system", "labels": {"dns": "here"}},
            )
        ],
    ),
    "kinds of every day": ("kinds-are-known", LEGITIMATE["monitoring"]),
    "GKE's own annotation": ("internal-on-its-own-cloud", LEGITIMATE["GKE's own annotation"]),
    "an internal Gateway": ("gateway-api-hosts-are-named", LEGITIMATE["an internal Gateway"]),
}
