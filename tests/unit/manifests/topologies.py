"""Where the pods, gateways and outside hosts of a mesh would be on this machine."""

import itertools
from dataclasses import replace
from pathlib import Path

from petmesh.envoy.proxy import ProxyFiles, gateway_files, served_ports, sidecar_files
from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology, stub_names
from petmesh.host.tokens import TokenIssuer
from petmesh.mesh.mesh import GatewayProxy, Mesh, Workload
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.origin import served_ports as gateway_ports


class Laid:
    """A mesh's topology, and the files of each proxy in it."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        self.mesh = mesh
        self._place = (folder, folder / "admin.sock")
        self._ports = itertools.count(20000)
        self._certificates = Certificates(folder)
        self.pods = tuple(self._pod(each) for each in mesh.workloads)
        self.gateways = tuple(self._gateway(each) for each in mesh.gateway_proxies)
        stubs = [
            name
            for entry in mesh.service_entries
            for host in entry.spec.hosts
            for name, _ in stub_names(mesh, entry, host)
        ]
        self.topology = Topology(
            pods=self.pods,
            trust=self._certificates.mesh.certificate,
            outside_trust=self._certificates.outside_trust,
            gateways=self.gateways,
            outside={name: next(self._ports) for name in stubs},
            outside_plain={name: next(self._ports) for name in stubs},
            certificates=self._certificates.of_gateways(mesh),
            logs_decisions=True,
            jwks=TokenIssuer().jwks,
            authorities=self._certificates.authorities(mesh),
            nobody=self._certificates.nobody,
        )

    def sidecar(self, workload: str) -> ProxyFiles:
        [pod] = [each for each in self.pods if each.workload == workload]
        return sidecar_files(self.mesh, self.topology, pod, *self._place)

    def gateway(self, name: str = "istio-ingressgateway") -> ProxyFiles:
        [proxy] = [each for each in self.gateways if each.name == name]
        return gateway_files(self.mesh, self.topology, proxy, *self._place)

    def all(self) -> list[ProxyFiles]:
        return [
            *(sidecar_files(self.mesh, self.topology, pod, *self._place) for pod in self.pods),
            *(
                gateway_files(self.mesh, self.topology, each, *self._place)
                for each in self.gateways
            ),
        ]

    def _identity(self, namespace: str, account: str) -> Identity:
        return self._certificates.identity(self.mesh, namespace, account)

    def _pod(self, workload: Workload) -> Pod:
        planned = Pod(
            name=f"{workload.name}-0",
            workload=workload.name,
            namespace=workload.namespace,
            labels=workload.labels,
            service_account=workload.service_account,
            identity=self._identity(workload.namespace, workload.service_account),
            app_port=next(self._ports),
            inbound_port=next(self._ports),
            outbound_port=next(self._ports),
            named_ports={p.name: p.container_port for p in workload.container.ports if p.name},
            in_mesh=workload.in_mesh,
        )
        targets = served_ports(self.mesh, planned)
        ports = {target: next(self._ports) for target in targets}
        return replace(planned, container_ports=ports)

    def _gateway(self, proxy: GatewayProxy) -> GatewayPod:
        return GatewayPod(
            name=proxy.name,
            namespace=proxy.namespace,
            labels=proxy.labels,
            identity=self._identity(proxy.namespace, proxy.service_account),
            ports={number: next(self._ports) for number in gateway_ports(self.mesh, proxy.labels)},
        )
