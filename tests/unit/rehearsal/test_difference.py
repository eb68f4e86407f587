"""What differs between two declarations, in words."""

from dataclasses import replace

from rehearsal.difference import Difference, compare
from rehearsal.program import Declaration
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
    assert route == (
        "~ VirtualService petdetailsservice: http[testers] removed, "
        "http[weighted].route[v1] removed"
    )


def test_what_comes_and_goes() -> None:
    opened = compare(local(), local(dogApiEnabled="true"))
    assert sorted(f"{each.change} {each.kind}" for each in opened) == [
        "+ DestinationRule",
        "+ ServiceEntry",
        "~ NetworkPolicy",
        "~ Sidecar",
    ]
    closed = compare(local(dogApiEnabled="true"), local())
    assert sorted(each.change for each in closed) == ["-", "-", "~", "~"]


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
    line = str(Difference("~", "kubernetes:core/v1:ConfigMap", "big", fields))
    assert line.endswith("1, and 3 more fields")
    assert len(line) < 600


def test_three_weights_are_all_told() -> None:
    weights = [("a", 50, 40), ("b", 30, 30), ("c", 20, 30)]
    fields = tuple((f"spec.http[w].route[{t}].weight", old, new) for t, old, new in weights)
    line = str(Difference("~", "kubernetes:networking.istio.io/v1:VirtualService", "r", fields))
    assert line == (
        "~ VirtualService r: http[w].route[a].weight 50 -> 40, http[w].route[b].weight 30 -> 30, "
        "http[w].route[c].weight 20 -> 30"
    )
