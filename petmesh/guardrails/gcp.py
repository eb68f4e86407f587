"""Google Cloud: grants that hand out roles, and ranges that are everybody's."""

import re
from collections.abc import Iterator
from typing import Final

from petmesh.guardrails.ranges import names_nobody
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, found

# Who holds one of these on more than one account or resource can make itself anything else.
_ROLE_OF_ROLES: Final = (
    r"roles/(iam\.(\w*Admin|\w*TokenCreator|serviceAccountUser|workloadIdentityUser)"
    r"|resourcemanager\.\w*Admin|(secretmanager|cloudkms|storage)\.admin|secretmanager\.secretAccessor"
    r"|deploymentmanager\.\w*[eE]ditor|cloudbuild\.builds\.editor)"
)
_BASIC_ROLE: Final = "roles/(owner|editor|viewer|admin|writer|reader)"
# A condition by which its holder hands out the roles that it names and no other, in Google's words.
# https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
_LIMITED_ROLE: Final = "roles/resourcemanager.projectIamAdmin"
_LIMIT: Final = re.compile(
    r"api\.getAttribute\('iam\.googleapis\.com/modifiedGrantsByRole', \[\]\)"
    r"\.hasOnly\(\['(roles/[\w.]+(?:', ?'roles/[\w.]+)*)'\]\)"
)
# In the Common Expression Language: a claim that has a value, or one of some.
_VALUE: Final = r"""(?:'[^'\\]+'|"[^"\\]+")"""
_CLAIM: Final = re.compile(
    rf"\s*assertion\.(\w+)(?:\.\w+)*\s*(?:==\s*{_VALUE}|in\s*\[\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\])\s*"
)
# Which anybody's tokens of the same issuer may have.
_ANYBODYS: Final = re.compile(r"iss|aud|azp|ref\w*|event_name|environment|base_ref|head_ref")
_RANGE: Final = re.compile(r"[\da-fA-F.:]+/\d{1,3}")
# A table tells which of their ranges matter.
_OTHER_RANGES: Final = re.compile(
    r"gcp:container/Cluster|gcp:compute/(Firewall|NetworkFirewallPolicyRule|Route|SecurityPolicy)"
)


@check("iam-adds-members", "gcp:*I[Aa][Mm]Binding", "gcp:*I[Aa][Mm]Policy")
def _owns(subject: Subject) -> Iterator[Violation]:
    fix = "use the IAMMember of the same resource, which adds a member and removes nobody's"
    yield Violation("type", subject.type, fix)


@check("iam-adds-members", "gcp:storage/*ACL", "gcp:storage/*AccessControl")
def _access_list(subject: Subject) -> Iterator[Violation]:
    fix = "use a BucketIAMMember, and uniformBucketLevelAccess on the bucket"
    yield Violation("type", subject.type, fix)


@check(
    "iam-adds-members",
    *(f"gcp:{module}/IAMMember" for module in ("projects", "folder", "organizations")),
)
def _role_of_roles(subject: Subject) -> Iterator[Violation]:
    role, condition = (at(subject.properties, each) for each in ("role", "condition.expression"))
    limited = role == _LIMITED_ROLE and (condition is UNKNOWN or _limits(str(condition)))
    if re.fullmatch(_ROLE_OF_ROLES, str(role)) and not limited:
        fix = "grant it on the one account or resource that it is needed for"
        yield Violation("role", role, fix)


def _limits(condition: str) -> bool:
    """Whether a condition names the roles that may be handed out, of which none hands out any."""
    limit = _LIMIT.fullmatch(condition)
    return limit is not None and not any(
        re.fullmatch(f"{_BASIC_ROLE}|{_ROLE_OF_ROLES}", role)
        for role in re.split("', ?'", limit[1])
    )


@check("cloud-is-not-public", "gcp:*")
def _ranges(subject: Subject) -> Iterator[Violation]:
    if not _OTHER_RANGES.fullmatch(subject.of):
        for path, text in found(subject.properties, "**"):
            if _RANGE.fullmatch(str(text)) and names_nobody(text):
                yield Violation(path, text, "name who may reach it, never everybody")


@check("cloud-is-hardened", "gcp:iam/WorkloadIdentityPoolProvider")
def _federated(provider: Subject) -> Iterator[Violation]:
    condition = at(provider.properties, "attributeCondition")
    claims = [_CLAIM.fullmatch(each) for each in str(condition or "").split("&&")]
    names = [claim[1] for claim in claims if claim]
    named = len(names) == len(claims) and not all(map(_ANYBODYS.fullmatch, names))
    if condition is not UNKNOWN and not named:
        fix = "name whose tokens count: assertion.CLAIM == 'VALUE', joined by && alone"
        yield Violation("attributeCondition", condition, fix)
