"""The applications of a platform's stack, and what each of their keys allows."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from settings.forms import DNS_LABEL, DnsName, each_once, free_namespace, matches

Namespace = Annotated[str, matches(DNS_LABEL), AfterValidator(free_namespace)]
NAMESPACE = (
    "a namespace's name, not default, istio-system, istio-ingress, istio-egress, observability or "
    "kube-*, nor cert-manager, istio-*, gke-*, gmp-* or another of the mesh's or Google Cloud's"
)
# Kubernetes keeps names that begin with system: for itself.
TeamMember = Annotated[str, matches(r"(user|group|serviceAccount):(?!system:)[!-~]+")]


class ApplicationSettings(BaseModel):
    """An application in `applications`. A field's description says what its key allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    team: Annotated[tuple[TeamMember, ...], AfterValidator(each_once)] = Field(
        default=(),
        description="a list of user:, group: or serviceAccount: and a name, which is an email "
        "address on gke",
    )
    hosts: Annotated[tuple[DnsName, ...], AfterValidator(each_once)] = Field(
        min_length=1,
        description="a list of different DNS names such as pets.example.com, none a wildcard or "
        "an address",
    )
