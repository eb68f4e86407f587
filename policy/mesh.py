"""The mesh: mutual TLS, hosts by name, nothing outside but those, and routes that add up."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from policy.allowed import ENVOY_FILTERS
from policy.ranges import names_nobody
from policy.rules import resource_rule, stack_rule, unless
from policy.shape import ANY, KEPT, NO, OPEN, UNLISTED, Shape, judge, known, only
from policy.subject import Subject, Trouble
from policy.supply import CHARTS
from policy.values import UNKNOWN, at, entries, items, settings, strings

_NETWORKING, _SECURITY = "networking.istio.io", "security.istio.io"
_STRICT = ("STRICT",)
# Of whatever takes a certificate that nobody vouches for.
_UNCHECKED = re.compile(
    r"(?:insecure|tls)?_?(?:skip_?(?:tls_?)?verify|insecure_?skip_?(?:tls_?)?verif\w*)",
    re.IGNORECASE,
)
_UNCHECKED_CLUSTER = re.compile(r"""insecure-skip-tls-verify["']?\s*:\s*["']?true""")
_WHOLE = 100
_ANY = "*"
_ADDS = ("ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST", "MERGE")
_FILTER_NAMES = ("name", "typed_config.name")
_REGISTRY = "REGISTRY_ONLY"
_MODE = "outboundTrafficPolicy.mode"
_REGISTER = "set it to REGISTRY_ONLY, and add a ServiceEntry"
_ISTIOD = re.compile(r"(?:^|/)istiod(?:-\d[^/]*|[@:][^/]*)?/?$")
_IN_CLUSTER = ".svc.cluster.local"


def _cipher(path: str, suite: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if not _CIPHER.fullmatch(str(suite)):
        yield Trouble(path, suite, "name one that is authenticated and has forward secrecy")


# https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
_SERVER_TLS: Final[dict[str, Shape]] = {
    "mode": only(
        *("SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "PASSTHROUGH", None),
        mend="set it to SIMPLE or MUTUAL",
    ),
    "minProtocolVersion": only("TLSV1_2", "TLSV1_3", "TLS_AUTO", None, mend="set it to TLSV1_2"),
    "cipherSuites[]": _cipher,
    **known("httpsRedirect serverCertificate privateKey caCertificates credentialName"),
    **known("credentialNames subjectAltNames maxProtocolVersion caCrl caCertCredentialName"),
    "tlsCertificates": ANY,
}
_CIPHER = re.compile(r"(?:ECDHE-(?:ECDSA|RSA)-(?:AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)|TLS_.*)")
# This machine, and what answers for it at its link's own address.
_OF_THE_NODE = re.compile(r"127\.|169\.254\.|::1$|fe80:|unix:|localhost|metadata\.google")
_POLICY = known(
    "loadBalancer connectionPool outlierDetection tls portLevelSettings retryBudget port"
)
# https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig
_MESH: Final[dict[str, Shape]] = {
    **known("accessLogEncoding accessLogFormat defaultProviders trustDomain"),
    **known("outboundTrafficPolicy localityLbSetting connectTimeout tcpKeepalive"),
    **known("discoverySelectors defaultHttpRetryPolicy serviceSettings defaultServiceExportTo"),
    **known("defaultVirtualServiceExportTo defaultDestinationRuleExportTo enableTracing"),
    # A pod's loopback alone reaches it, and what it knows is what the pod's sidecar knows.
    **known("proxyHttpPort"),
    "accessLogFile": only("/dev/stdout", None, mend="set it to /dev/stdout"),
    "enableAutoMtls": KEPT,
    "rootNamespace": only("istio-system", None),
    "extensionProviders[]": {
        **{key: {"failOpen": NO, **OPEN} for key in ("envoyExtAuthzHttp", "envoyExtAuthzGrpc")},
        **OPEN,
    },
    "pathNormalization": OPEN,
    "meshMTLS": {"minProtocolVersion": only("TLSV1_2", "TLSV1_3", "TLS_AUTO", None), **OPEN},
    "tlsDefaults": {"minProtocolVersion": only("TLSV1_2", "TLSV1_3", "TLS_AUTO", None), **OPEN},
    "defaultConfig": {
        **known("holdApplicationUntilProxyStarts concurrency tracing drainDuration"),
        **known("terminationDrainDuration proxyStatsMatcher gatewayTopology"),
        "proxyMetadata": known("CLOUD_PLATFORM ISTIO_META_DNS_CAPTURE"),
        "image": {"imageType": only("distroless", "default", None)},
    },
}


def _release(path: str, tag: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if tag is not None and not re.match(r"\d+\.\d+\.\d+", str(tag)):
        yield Trouble(path, tag, "name an exact version")


# Injection that leaves no pod out, and no proxy other than Istio's own.
_INJECTOR: Final[dict[str, Shape]] = {
    **dict.fromkeys(("neverInjectSelector", "defaultTemplates"), only(None, [])),
    "templates": only(None, {}),
    **OPEN,
}
_GLOBAL: Final[dict[str, Shape]] = {
    "proxy": {
        **dict.fromkeys(("privileged", "enableCoreDump"), NO),
        **dict.fromkeys(("includeIPRanges", "includeInboundPorts"), only("*", None)),
        **dict.fromkeys(("excludeIPRanges", "excludeInboundPorts"), only("", None)),
        "excludeOutboundPorts": only("", None),
        "autoInject": only("enabled", None),
        **OPEN,
    },
    "tag": _release,
    "jwtPolicy": only("third-party-jwt", None),
    **OPEN,
}
_ENV: Final[dict[str, Shape]] = known(
    "PILOT_FILTER_GATEWAY_CLUSTER_CONFIG PILOT_TRACE_SAMPLING PILOT_ENABLE_STATUS"
)
_NO_WILDCARD = "name each host: a wildcard opens what nobody looked at"


def _is(subject: Subject, api: str, kind: str) -> bool:
    return subject.api == api and subject.kind == kind


def _peers(subject: Subject) -> Iterator[Trouble]:
    if not _is(subject, _SECURITY, "PeerAuthentication"):
        return
    mend = "set it to STRICT; a port that must take plaintext needs a workload outside the mesh"
    yield from unless(subject.properties, "spec.mtls.mode", _STRICT, mend)
    for port, mtls in entries(subject.properties, "spec.portLevelMtls").items():
        yield from unless(mtls, "mode", _STRICT, mend, within=f"spec.portLevelMtls.{port}")


def _client_tls(subject: Subject) -> Iterator[Trouble]:
    for path, field, value in settings(subject.properties):
        if _UNCHECKED.fullmatch(field) and value in (True, "true"):
            yield Trouble(path, value, "remove it and name the certificate's authority or name")
    if subject.type.startswith("pulumi:providers:"):
        for path, text in strings(subject.properties):
            if _UNCHECKED_CLUSTER.search(text):
                yield Trouble(path, "(not shown)", "name the cluster's certificate authority")
    if _is(subject, _SECURITY, "RequestAuthentication"):
        for path, rule in items(subject.properties, "spec.jwtRules"):
            if str(at(rule, "jwksUri")).startswith("http:"):
                yield Trouble(f"{path}.jwksUri", at(rule, "jwksUri"), "fetch keys over https://")
    if _is(subject, _NETWORKING, "DestinationRule"):
        yield from _mesh_tls(subject)


def _mesh_tls(subject: Subject) -> Iterator[Trouble]:
    in_cluster = _in_cluster(at(subject.properties, "spec.host"), subject.namespace)
    for path, policy in _traffic_policies(subject.properties):
        mode = at(policy, "tls.mode")
        if mode == "DISABLE":
            mend = "remove it: the mesh's mutual TLS is the default"
            yield Trouble(f"{path}.tls.mode", mode, mend)
        elif mode in ("SIMPLE", "MUTUAL") and in_cluster:
            mend = "remove it or use ISTIO_MUTUAL: the service's sidecar takes the mesh's own TLS"
            yield Trouble(f"{path}.tls.mode", mode, mend)
        yield from judge(_POLICY, policy, path)


def _in_cluster(host: Any, namespace: str) -> bool:  # noqa: ANN401 (data)
    """Whether a host is a Service, or a wildcard that Services match."""
    if not isinstance(host, str):
        return False
    wildcard = host.startswith("*") and _IN_CLUSTER.endswith(host[1:])
    return wildcard or _full(host, namespace).endswith(_IN_CLUSTER)


def _traffic_policies(properties: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (data)
    """A DestinationRule's traffic policies: the host's, its subsets', and each of their ports'."""
    holders = [("spec", at(properties, "spec")), *items(properties, "spec.subsets")]
    for path, holder in holders:
        policy = at(holder, "trafficPolicy")
        if isinstance(policy, dict):
            yield f"{path}.trafficPolicy", policy
            for inner, port in items(policy, "portLevelSettings"):
                yield f"{path}.trafficPolicy.{inner}", port


def _hosts(subject: Subject) -> Iterator[Trouble]:
    if subject.api != _NETWORKING:
        return
    if subject.kind == "ServiceEntry":
        yield from _wildcards(subject.properties, "spec.hosts")
        yield from _outside(subject.properties)
        yield from _addresses(subject.properties)
    elif subject.kind == "Gateway":
        if not at(subject.properties, "spec.selector"):
            mend = "name the gateway's pods: nothing stands for every proxy"
            yield Trouble("spec.selector", at(subject.properties, "spec.selector"), mend)
        for path, server in items(subject.properties, "spec.servers"):
            yield from _wildcards(server, "hosts", f"{path}.")
            yield from judge(_SERVER_TLS, at(server, "tls"), f"{path}.tls")
    elif subject.kind == "VirtualService":
        yield from _origins(subject)
        gateways = {gateway for _, gateway in items(subject.properties, "spec.gateways")}
        if gateways - {"mesh"}:
            yield from _wildcards(subject.properties, "spec.hosts")


def _outside(entry: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    # A virtual machine that is chosen by its labels may have a name like a Service's.
    within = at(entry, "spec.workloadSelector") is None
    for path, host in items(entry, "spec.hosts"):
        if _OF_THE_NODE.match(str(host)) or (within and str(host).endswith(_IN_CLUSTER)):
            yield Trouble(path, host, "name hosts outside of the cluster and its nodes")


def _addresses(entry: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    addresses = items(entry, "spec.addresses")
    for path, address in addresses:
        if names_nobody(address):
            yield Trouble(path, address, "name the hosts' own addresses, or none")
    for path, endpoint in items(entry, "spec.endpoints"):
        address = str(at(endpoint, "address"))
        if _OF_THE_NODE.match(address):
            mend = "name an address outside of the node and its metadata server"
            yield Trouble(f"{path}.address", address, mend)
    if at(entry, "spec.resolution") in (None, "NONE") and not addresses:
        mend = "set it to DNS: without, whatever address a caller chooses is let out"
        yield Trouble("spec.resolution", at(entry, "spec.resolution"), mend)


def _wildcards(holder: Any, field: str, within: str = "") -> Iterator[Trouble]:  # noqa: ANN401
    for path, host in items(holder, field):
        # A Gateway's host may name a namespace first: `pets/pets.example.com`.
        if "*" in str(host).rpartition("/")[2]:
            yield Trouble(f"{within}{path}", host, _NO_WILDCARD)


def _outbound(subject: Subject) -> Iterator[Trouble]:
    if _is(subject, _NETWORKING, "Sidecar"):
        yield from _scope(subject.properties)
    elif _is(subject, "telemetry.istio.io", "Telemetry"):
        for path, log in items(subject.properties, "spec.accessLogging"):
            mend = "remove it: the log tells who asked for what"
            yield from unless(log, "disabled", (False, None), mend, within=path)
    elif subject.type in CHARTS:
        yield from _mesh_config(subject.properties)


def _scope(sidecar: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    yield from unless(sidecar, f"spec.{_MODE}", (None, _REGISTRY), _REGISTER)
    for direction in ("egress", "ingress"):
        for path, listener in items(sidecar, f"spec.{direction}"):
            captured = (None, "DEFAULT", "IPTABLES")
            yield from unless(listener, "captureMode", captured, "remove it", within=path)
            mend = "remove it: the mesh's own is in force"
            yield from unless(listener, "tls", (None,), mend, within=path)
            for inner, host in items(listener, "hosts"):
                if host == "*/*":
                    yield Trouble(f"{path}.{inner}", host, "name the namespaces to be seen")


def _mesh_config(release: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """The mesh's own settings, wherever istiod's chart comes from."""
    failing = "values.base.validationFailurePolicy"
    yield from unless(release, failing, ("Fail", None), "set it to Fail")
    config = at(release, "values.meshConfig")
    if config is None and not _ISTIOD.search(str(at(release, "chart"))):
        return
    yield from unless(release, f"values.meshConfig.{_MODE}", (_REGISTRY,), _REGISTER)
    yield from judge(_MESH, config, "values.meshConfig")
    yield from judge(_GLOBAL, at(release, "values.global"), "values.global")
    injector = "values.sidecarInjectorWebhook"
    yield from judge(_INJECTOR, at(release, injector), injector)
    for name, value in entries(release, "values.env").items():
        yield from judge(_ENV.get(name, only(None, mend=UNLISTED)), value, f"values.env.{name}")


def _filters(subject: Subject) -> Iterator[Trouble]:
    if not _is(subject, _NETWORKING, "EnvoyFilter"):
        return
    chosen = at(subject.properties, "spec.workloadSelector.labels")
    if not chosen and not at(subject.properties, "spec.targetRefs"):
        mend = "name the proxies that it is for: none stands for all of the namespace or the mesh"
        yield Trouble("spec.workloadSelector", chosen, mend)
    for path, patch in items(subject.properties, "spec.configPatches"):
        mend = "add a filter: what is there already is the mesh's security"
        yield from unless(patch, "patch.operation", _ADDS, mend, within=path)
        value = at(patch, "patch.value")
        names = [each for where, each in strings(value) if where in _FILTER_NAMES]
        for name in names:
            if name not in ENVOY_FILTERS:
                mend = "remove it, or list the filter in policy/allowed.py with the reason"
                yield Trouble(f"{path}.patch.value", name, mend)
        for where, _ in strings(value):
            if ".http_filters" in where or "transport_socket" in where or "inline" in where:
                yield Trouble(f"{path}.patch.value.{where}", "set", "remove it", whole=True)


def _origins(subject: Subject) -> Iterator[Trouble]:
    for path, route in items(subject.properties, "spec.http"):
        for inner, origin in items(route, "corsPolicy.allowOrigins"):
            given = at(origin, "exact") or at(origin, "regex") or at(origin, "prefix")
            if given in ("*", ".*", ".+", "http", "https://", "http://", "https"):
                yield Trouble(f"{path}.{inner}", origin, "name each origin")


def _routes(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    subsets = _subsets(subjects)
    for subject in subjects:
        if not _is(subject, _NETWORKING, "VirtualService"):
            continue
        for protocol in ("http", "tcp", "tls"):
            for path, route in items(subject.properties, f"spec.{protocol}"):
                for trouble in (
                    *_weights(path, route),
                    *_destinations(path, route, subject.namespace, subsets),
                ):
                    yield subject, trouble


def _weights(path: str, route: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    targets = [target for _, target in items(route, "route")]
    weights = [at(target, "weight") for target in targets]
    if not targets or UNKNOWN in weights or (len(targets) == 1 and weights[0] is None):
        return
    numbers = [weight or 0 for weight in weights]
    if sum(numbers) != _WHOLE or min(numbers) < 0:
        mend = f"make them add up to 100, not {sum(numbers)}: Istio takes any sum as the whole"
        yield Trouble(f"{path}.route[*].weight", numbers, mend)


def _destinations(
    path: str,
    route: Any,  # noqa: ANN401 (data)
    namespace: str,
    subsets: dict[str, set[str] | None],
) -> Iterator[Trouble]:
    targets = [*items(route, "route"), *items(route, "mirrors")]
    found = [(f"{inner}.destination", at(target, "destination")) for inner, target in targets]
    found.append(("mirror", at(route, "mirror")))
    for inner, destination in found:
        host, subset = at(destination, "host"), at(destination, "subset")
        if subset in (None, UNKNOWN) or host is UNKNOWN:
            continue
        known = _subsets_of(_full(str(host), namespace), subsets)
        if known is not None and subset not in known:
            there = ", ".join(sorted(known)) or "none"
            mend = f"name a subset that a DestinationRule gives {host} ({there}), or add it there"
            yield Trouble(f"{path}.{inner}.subset", subset, mend)


def _subsets_of(host: str, subsets: dict[str, set[str] | None]) -> set[str] | None:
    """A host's subsets, by the rule whose host is the longest that matches it, as Istio has it."""
    matching = [
        each
        for each in subsets
        if each == host or (each.startswith("*") and host.endswith(each[1:]))
    ]
    return subsets[max(matching, key=len)] if matching else set()


def _subsets(subjects: Sequence[Subject]) -> dict[str, set[str] | None]:
    """Each host's subsets; None where they aren't known yet, for any host where it isn't either."""
    found: dict[str, set[str] | None] = {}
    for rule in subjects:
        if not _is(rule, _NETWORKING, "DestinationRule"):
            continue
        given = at(rule.properties, "spec.host")
        host = _ANY if given is UNKNOWN else _full(str(given), rule.namespace)
        names = {at(subset, "name") for _, subset in items(rule.properties, "spec.subsets")}
        unknown = UNKNOWN in (given, at(rule.properties, "spec.subsets"), *names)
        known = found.setdefault(host, set())
        found[host] = None if unknown or known is None else known | names
    return found


def _full(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot is a Service of the object's namespace."""
    return host if "." in host else f"{host}.{namespace}{_IN_CLUSTER}"


RULES = (
    resource_rule(
        "mutual-tls-is-strict",
        "Workloads take mutual TLS alone, on every port.",
        "Istio security best practices: mutual TLS",
        _peers,
    ),
    resource_rule(
        "tls-is-not-weakened",
        "No destination switches TLS off, replaces the mesh's or skips checking certificates.",
        "Istio security best practices: TLS origination",
        _client_tls,
    ),
    resource_rule(
        "hosts-are-named",
        "A ServiceEntry, a Gateway and a public VirtualService name their hosts.",
        "Istio security best practices: gateways",
        _hosts,
    ),
    resource_rule(
        "outside-is-registered",
        "What no ServiceEntry names is not reached, for the mesh and for each of its Sidecars.",
        "Istio security best practices: egress traffic",
        _outbound,
    ),
    resource_rule(
        "filters-are-known",
        "An EnvoyFilter adds filters that are listed to proxies that it names.",
        "Istio security best practices: EnvoyFilter",
        _filters,
    ),
    stack_rule(
        "routes-add-up",
        "A route's weights add up to 100, and its subsets exist.",
        "Istio traffic management: weights and subsets",
        _routes,
    ),
)
