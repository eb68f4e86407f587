"""The differences between two declarations, as text."""

from dataclasses import replace
from typing import Any

import pytest

from petmesh.program.declaration import Declaration, Resource
from petmesh.program.difference import Difference, compare, differences, outputs
from tests.unit.declared import GIVEN, local


def told(before: Declaration, after: Declaration) -> list[str]:
    return sorted(str(each) for each in compare(before, after))


def test_a_weight_is_one_changed_resource_and_reads_as_such() -> None:
    assert told(local(canaryWeight="10"), local(canaryWeight="25")) == [
        "~ VirtualService petdetailsservice: weight 10 -> 25"
    ]


def test_a_promotion_reads_as_such() -> None:
    before = local(canaryWeight="100")
    after = local(stableVersion="v2", canaryVersion="", canaryWeight="0")
    [route] = [each for each in told(before, after) if "VirtualService" in each]
    assert route.startswith(
        '~ VirtualService petdetailsservice: http[weighted].route[v1] removed: {"destination":'
        '{"host":"petdetailsservice.pets.svc.cluster.local","subset":"v1"},"weight":0}, '
        'http[testers] removed: {"match":[{"headers":{"x-canary":'
        '{"regex":"^(.*,\\\\s*)?always(\\\\s*,.*)?$"}}},'
    )


def test_another_canary_is_told_with_its_weight() -> None:
    image = f'["petdetailsservice/v3={GIVEN}"]'
    before = local(canaryVersion="v2", canaryWeight="10", images=image)
    after = local(canaryVersion="v3", canaryWeight="25", images=image)
    [route] = [each for each in told(before, after) if "VirtualService" in each]
    assert "http[weighted].route[v1].weight 90 -> 75" in route
    assert '"subset":"v3"},"weight":25}' in route


def test_the_canarys_weight_is_told_though_it_was_the_stable_version() -> None:
    before = local(canaryWeight="10")
    after = local(stableVersion="v2", canaryVersion="v1", canaryWeight="25")
    [route] = [each for each in told(before, after) if "VirtualService" in each]
    assert " weight 90 -> 25" in route


def test_what_comes_and_goes() -> None:
    opened = compare(local(), local(dogApiEnabled="true"))
    assert sorted(f"{each.change} {each.kind}" for each in opened) == [
        "+ DestinationRule",
        "+ ServiceEntry",
        "+ VirtualService",
        "~ NetworkPolicy",
        "~ Sidecar",
    ]
    closed = compare(local(dogApiEnabled="true"), local())
    assert sorted(each.change for each in closed) == ["-", "-", "-", "~", "~"]


def test_what_comes_is_told_with_what_matters_of_it() -> None:
    after = local()
    member = replace(
        after.resources[0],
        type="gcp:projects/iAMMember:IAMMember",
        name="deployer",
        urn="urn:pulumi:local::petmesh::member::deployer",
        custom=True,
        inputs={"role": "roles/owner", "member": "user:a@example.com"},
    )
    after = replace(after, resources=(*after.resources, member))
    line = "IAMMember deployer: roles/owner for user:a@example.com"
    assert told(local(), after) == [f"+ {line}"]
    assert told(after, local()) == [f"- {line}"]


def test_a_name_that_two_namespaces_have_is_told_with_its_namespace() -> None:
    def rule(namespace: str) -> Resource:
        return replace(
            local().resources[0],
            type="kubernetes:core/v1:Service",
            name=f"{namespace}-outside",
            urn=f"urn:pulumi:local::petmesh::service::{namespace}",
            custom=True,
            inputs={"metadata": {"name": "outside", "namespace": namespace}},
        )

    both = replace(local(), resources=(rule("pets"), rule("istio-egress")))
    nothing = replace(local(), resources=())
    assert told(nothing, both) == ["+ Service istio-egress/outside", "+ Service pets/outside"]
    assert told(nothing, replace(both, resources=both.resources[:1])) == ["+ Service outside"]


def test_an_image_built_anew_is_a_change_and_so_is_what_rolls_it_out() -> None:
    built = {"petservice-v1-image": ["apps/petservice/api.py", "apps/requirements.txt"]}
    before, after = local().resources, local(minReplicas="2").resources
    assert [str(each) for each in differences(before, before, built)] == [
        "~ Image petservice-v1-image: built anew from apps/petservice/api.py and 1 more file",
        "~ Deployment petservice-v1: rolls out an image that is built anew",
    ]
    assert len(differences(before, after, built)) == len(differences(before, after)) + 2


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("apps/größe.py", "apps/größe.py"),
        ("apps/a\nb\t", r"apps/a\nb\t"),
        ("apps/\u202eyp.a", r"apps/\u202eyp.a"),
        ("apps/\udcff", r"apps/\udcff"),
    ],
)
def test_a_files_name_is_told_on_one_line(file: str, told: str) -> None:
    before = local().resources
    first, *_ = differences(before, before, {"petservice-v1-image": [file]})
    assert str(first) == f"~ Image petservice-v1-image: built anew from {told}"
    str(first).encode()


def test_an_image_is_told_once_whatever_changes_of_it() -> None:
    before = local().resources
    after = tuple(
        replace(each, inputs={**each.inputs, "skipPush": True})
        if each.name == "petservice-v1-image"
        else each
        for each in before
    )
    built = {"petservice-v1-image": ["a", "b", "c"]}
    [line] = [str(each) for each in differences(before, after, built) if each.kind == "Image"]
    assert line == (
        "~ Image petservice-v1-image: skipPush false -> true; built anew from a and 2 more files"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"protect": True}, "options.protect false -> true"),
        ({"retain_on_delete": True}, "options.retain_on_delete false -> true"),
        ({"ignore_changes": ("spec",)}, "options.ignore_changes[0] added: spec"),
        ({"secret_inputs": frozenset({"spec.env[3].value"})}, "secret[0] added: spec.env[].value"),
    ],
)
def test_what_the_engine_is_asked_for_is_told(changed: dict[str, Any], words: str) -> None:
    first, *rest = [each for each in local().resources if each.custom]
    after = replace(local(), resources=(replace(first, **changed), *rest))
    [line] = told(local(), after)
    assert line.endswith(words)


def test_outputs_are_compared_and_their_secrets_kept() -> None:
    def stack(secret: str, *secrets: str) -> Declaration:
        given = {"url": "http://a", "kubeconfig": {"token": secret}}
        return replace(local(), outputs=given, secret_outputs=frozenset(secrets))

    assert outputs(stack("a"), stack("a")) == ()
    [change] = outputs(stack("hunter2", "kubeconfig"), stack("hunter3", "kubeconfig"))
    assert str(change) == "~ Stack local: outputs.kubeconfig [secret] -> [secret]"
    [change] = outputs(stack("hunter2", "kubeconfig"), stack("hunter2"))
    assert str(change) == "~ Stack local: secret[0] removed: kubeconfig"


def with_spec(kind: str, **spec: Any) -> Declaration:  # noqa: ANN401 (data)
    """One resource of a kind and nothing else."""
    inputs = {"metadata": {"name": "it"}, "spec": spec}
    type_ = f"kubernetes:networking.istio.io/v1:{kind}"
    only = replace(local().resources[0], type=type_, custom=True, inputs=inputs)
    return replace(local(), resources=(only,))


def test_what_comes_without_what_may_be_left_out_is_told() -> None:
    nothing = replace(local(), resources=())
    [line] = told(nothing, with_spec("HorizontalPodAutoscaler", maxReplicas=3))
    assert line == "+ HorizontalPodAutoscaler it: 1 to 3"


def test_what_comes_with_a_secret_is_told_by_its_name_alone() -> None:
    nothing, after = replace(local(), resources=()), with_spec("ServiceEntry", hosts=["hunter2"])
    secret = replace(after.resources[0], secret_inputs=frozenset({"spec.hosts[0]"}))
    assert told(nothing, replace(after, resources=(secret,))) == ["+ ServiceEntry it"]


@pytest.mark.parametrize("path", ["spec.users[0]", "spec.users[0].name"])
def test_an_items_secret_name_is_never_told(path: str) -> None:
    def users(role: str) -> Declaration:
        stack = with_spec("Users", users=[{"name": "hunter2", "role": role}])
        [only] = stack.resources
        return replace(stack, resources=(replace(only, secret_inputs=frozenset({path})),))

    [line] = told(users("a"), users("b"))
    assert line.startswith("~ Users it: users[0]")


def test_the_order_of_routes_is_told() -> None:
    def routes(*names: str) -> Declaration:
        return with_spec("VirtualService", http=[{"name": name} for name in names])

    [line] = told(routes("a", "b"), routes("b", "a"))
    assert line == "~ VirtualService it: http order a, b -> b, a"
    [line] = told(routes("a"), routes("all", "a"))
    assert line.endswith('http[all] added: {"name":"all"}, http order a -> all, a')
    [line] = told(routes("a"), routes("a", "all"))
    assert "order" not in line
    [line] = told(routes("a", "b"), routes("b"))
    assert "order" not in line


def test_an_order_that_means_nothing_is_not_told() -> None:
    first, second = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    before = with_spec("Deployment", env=[first, second])
    assert told(before, with_spec("Deployment", env=[second, first])) == []


def test_what_is_put_between_a_lists_items_leaves_them_as_they_are() -> None:
    def paths(*cidrs: str) -> Declaration:
        return with_spec("NetworkPolicy", egress=[{"to": [{"cidr": each}]} for each in cidrs])

    [line] = told(paths("a", "b", "c"), paths("a", "0.0.0.0/0", "b", "c"))
    assert line == '~ NetworkPolicy it: egress[1] added: {"to":[{"cidr":"0.0.0.0/0"}]}'
    [line] = told(paths("a", "b", "c"), paths("a", "c"))
    assert line == '~ NetworkPolicy it: egress[1] removed: {"to":[{"cidr":"b"}]}'
    [line] = told(paths("a", "b"), paths("a", "c"))
    assert line == "~ NetworkPolicy it: egress[1].to[0].cidr b -> c"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"{'r/' * 60}app:1.0", f"{'r/' * 60}app:1.1"),
        (f"{'a' * 90}b{'c' * 90}", f"{'a' * 90}d{'c' * 90}"),
        ("80", 80),
        ("a  b", "a b"),
        (f"app@sha256:{'1' * 64}", f"app@sha256:{'1' * 63}2"),
        ({"long": "a" * 90, "z": 1}, ["a" * 90]),
    ],
)
def test_two_values_that_differ_read_differently(old: object, new: object) -> None:
    line = str(Difference("~", "a:b:C", "it", (("field", old, new),)))
    was, _, becomes = line.partition(" -> ")
    assert was.removeprefix("~ C it: field ") != becomes
    assert len(line) < 160


def test_a_long_image_is_told_by_its_name_and_the_start_of_its_digest() -> None:
    registry = f"us-central1-docker.pkg.dev/{'project' * 5}/petmesh"
    old, new = (f"{registry}/petservice@sha256:{digit * 64}" for digit in "34")
    line = str(Difference("~", "a:b:C", "it", (("image", old, new),)))
    assert "petservice@sha256:33333333… -> …" in line
    assert line.endswith("petservice@sha256:44444444…")


def test_a_urls_password_is_never_told() -> None:
    old, new = (f"https://user:{'hunter2' * 20}{each}@charts.example.com" for each in "ab")
    for fields in (("repo", old, new), ("repo", None, new), ("repo", [old], None)):
        line = str(Difference("~", "a:b:C", "it", (fields,)))
        assert "hunter" not in line
        assert "https://[secret]@charts.example.com" in line


def test_nothing_differs_from_itself() -> None:
    assert compare(local(), local()) == ()


def test_an_image_is_told_by_the_start_of_its_digest() -> None:
    other = GIVEN.replace("3", "4")
    [line] = told(
        local(images=f'["petservice/v1={GIVEN}"]'), local(images=f'["petservice/v1={other}"]')
    )
    assert line == (
        "~ Deployment petservice-v1: containers[petservice].image "
        "registry.example.com/given@sha256:33333333… -> "
        "registry.example.com/given@sha256:44444444…"
    )


def test_replicas_are_told_by_their_field() -> None:
    lines = told(local(), local(minReplicas="2"))
    assert "~ HorizontalPodAutoscaler petservice-v1: minReplicas 1 -> 2" in lines


def test_a_variable_is_told_by_its_name() -> None:
    [line] = told(local(), local(dogApiPath="/v2/dogs"))
    assert line == (
        "~ Deployment petservice-v1: containers[petservice].env[DOG_API_URL].value "
        "http://api.thedogapi.com/v1/images/search -> http://api.thedogapi.com/v2/dogs"
    )


def test_a_secret_is_never_told() -> None:
    def with_password(password: str, *paths: str) -> Declaration:
        first = local().resources[0]
        inputs = {"data": [{"name": "a", "password": password}], "port": 80}
        changed = replace(first, custom=True, inputs=inputs, secret_inputs=frozenset(paths))
        return replace(local(), resources=(changed,))

    for paths in (("data[0].password",), ("data[0]",), ("data",)):
        before, after = with_password("hunter2", *paths), with_password("hunter3", *paths)
        [line] = told(before, after)
        assert line.endswith("[secret] -> [secret]")
        assert "hunter" not in line
        # Where the whole is no list any more, what was secret within it isn't told either.
        [line] = told(before, replace(after, resources=(replace(after.resources[0], inputs={}),)))
        assert "hunter" not in line


def test_many_fields_and_long_values_are_cut() -> None:
    fields = tuple((f"spec.f{number}", "a" * 500, 1) for number in range(9))
    change = Difference("~", "kubernetes:core/v1:ConfigMap", "big", fields)
    line = str(change)
    assert line.endswith("1, and 3 more fields")
    assert len(line) < 600
    assert str(replace(change, fields=fields[:7])).endswith("1, and 1 more field")


def test_three_weights_are_all_told() -> None:
    weights = [("a", 50, 40), ("b", 30, 30), ("c", 20, 30)]
    fields = tuple((f"spec.http[w].route[{t}].weight", old, new) for t, old, new in weights)
    line = str(Difference("~", "kubernetes:networking.istio.io/v1:VirtualService", "r", fields))
    assert line == (
        "~ VirtualService r: http[w].route[a].weight 50 -> 40, http[w].route[b].weight 30 -> 30, "
        "http[w].route[c].weight 20 -> 30"
    )


def test_what_a_new_authorization_policy_allows_is_told_by_its_callers() -> None:
    told = {
        each.name: each.note
        for each in compare(without_policies(local()), local())
        if each.kind == "AuthorizationPolicy"
    }
    assert told["pets/allow-nothing"] == "ALLOW nothing"
    assert told["petdetailsservice"] == "ALLOW cluster.local/ns/pets/sa/petservice"
    assert told["istio-ingressgateway"] == "ALLOW anybody"


def without_policies(declaration: Declaration) -> Declaration:
    kept = [each for each in declaration.resources if "AuthorizationPolicy" not in each.type]
    return replace(declaration, resources=tuple(kept))
