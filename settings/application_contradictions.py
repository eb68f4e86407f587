"""What contradicts the applications of a platform's stack."""

from collections import Counter
from collections.abc import Iterator

from settings.keys import Settings

# What one HTTPRoute of the Gateway API takes, as `ingressHosts` has it.
MOST_HOSTS = 16


def application_problems(settings: Settings) -> Iterator[str]:
    """One line for each problem of a platform's applications; none where there are none."""
    times = Counter(settings.all_hosts)
    for name, application in settings.applications.items():
        for host in application.hosts:
            if times[host] > 1:
                yield f"applications.{name}.hosts = {host}: must be one application's alone"
        for member in application.team:
            if problem := _member_problem(settings, member):
                yield f"applications.{name}.team = {member}: {problem}"
    if len(times) > MOST_HOSTS:
        yield f"applications: must have at most {MOST_HOSTS} hosts together, not {len(times)}"


def _member_problem(settings: Settings, member: str) -> str:
    kind, _, name = member.partition(":")
    if not settings.on_gke:
        return "must be user: or group: while platform is existing" if kind[0] == "s" else ""
    if "@" not in name:
        return f"must have an email address while platform is {settings.platform}"
    if kind == "group" and settings.platform == "gke" and not settings.rbac_group:
        return "needs rbacGroup, of which it is a member"
    return ""
