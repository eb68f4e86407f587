"""What changes between what two releases of istiod send the proxies of one mesh."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from petmesh.istiod.ads import Json, Sent
from petmesh.istiod.stock import without_istios

# Statistics and the objects that are named for logs and traces: no request meets them.
_UNSEEN: Final = frozenset(("alt_stat_name", "decorator", "istio", "stat_prefix"))
_ENDS: Final = "lb_endpoints"
_MOST: Final = 200


@dataclass(frozen=True)
class SentChange:
    """One change.

    Attributes:
        path: in a resource; "" for the whole.
        before: what the one sends; None for nothing.
        after: what the other sends.
        resources: such as `cluster outbound|80||web.shop.svc.cluster.local`.
        proxies: to which this change comes alike.
    """

    path: str
    before: object
    after: object
    resources: tuple[str, ...]
    proxies: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{self.path}: " if self.path else ""
        told = f"{what}{_shown(self.before)} -> {_shown(self.after)}"
        return f"{told}\n  of {', '.join(self.resources)}\n  at {', '.join(self.proxies)}"


def changes(before: Mapping[str, Sent], after: Mapping[str, Sent]) -> list[SentChange]:
    """Return what changes, each once with the resources and proxies to which it comes alike.

    Args:
        before: what the one istiod sends, by proxy.
        after: what the other sends the same proxies.
    """
    by_resource: dict[str, tuple[_Found, list[str]]] = {}
    for proxy, sent in before.items():
        for each in _of_proxy(sent, after[proxy]):
            by_resource.setdefault(repr(each), (each, []))[1].append(proxy)
    alike: dict[str, tuple[SentChange, list[str]]] = {}
    for (resource, path, old, new), proxies in by_resource.values():
        made = SentChange(path, old, new, (), tuple(proxies))
        alike.setdefault(repr(made), (made, []))[1].append(resource)
    return [replace(made, resources=tuple(resources)) for made, resources in alike.values()]


# The resource, the path, and both sides.
_Found = tuple[str, str, object, object]


def _of_proxy(before: Sent, after: Sent) -> Iterator[_Found]:
    one, other = _resources(before), _resources(after)
    for resource in sorted({*one, *other}):
        for path, old, new in _differences(one.get(resource), other.get(resource), ""):
            yield resource, path, old, new


def _resources(sent: Sent) -> dict[str, object]:
    held: dict[str, object] = {}
    held |= {f"cluster {each['name']}": each for each in sent.clusters}
    held |= {f"listener {each['name']}": each for each in sent.listeners}
    held |= {f"routes {name}": each for name, each in sent.routes.items()}
    held |= {f"endpoints {name}": each for name, each in sent.endpoints.items()}
    return {name: _seen(without_istios(each)) for name, each in held.items()}


def _seen(held: object) -> object:
    if isinstance(held, list):
        return [_seen(each) for each in cast("list[object]", held)]
    if isinstance(held, dict):
        message = cast("Json", held)
        ends = {_ENDS: _by_address(message[_ENDS])} if _ENDS in message else {}
        return {key: _seen(value) for key, value in message.items() if key not in _UNSEEN} | ends
    return held


def _by_address(ends: list[Json]) -> Json:
    """Return endpoints, which come in any order, by their addresses."""
    held = ((each["endpoint"]["address"], _seen(each)) for each in ends)
    return {json.dumps(address, sort_keys=True): each for address, each in held}


def _differences(one: object, other: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Yield the paths at which two values differ, with both; items with names by their names."""
    if one == other:
        return
    left, right = _by_name(one), _by_name(other)
    if left is None or right is None:
        yield path, one, other
        return
    for key in dict.fromkeys([*left, *right]):
        yield from _differences(left.get(key), right.get(key), f"{path}.{key}" if path else key)
    both = left.keys() & right.keys()
    old, new = ([key for key in side if key in both] for side in (left, right))
    if isinstance(one, list) and old != new:
        yield f"{path} (order)", old, new


def _by_name(held: object) -> Json | None:
    """Return a message as it is, and a list of messages by their names or places."""
    if isinstance(held, dict):
        return cast("Json", held)
    if not isinstance(held, list):
        return None
    items = cast("list[object]", held)
    names = [cast("Json", each).get("name") if isinstance(each, dict) else None for each in items]
    named = all(names) and len(set(map(str, names))) == len(names)
    return {str(names[n]) if named else f"[{n}]": each for n, each in enumerate(items)}


def _shown(held: object) -> str:
    if held is None:
        return "nothing"
    text = json.dumps(held, sort_keys=True)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
