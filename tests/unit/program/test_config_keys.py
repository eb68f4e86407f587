"""Config values by path, as `pulumi config set --path` sets them."""

import json

import pytest

from petmesh.program.config_keys import StackConfigError, set_paths

CONFIG = {
    "shop:cart": '{"stable": "blue", "weight": 0}',
    "shop:images": '["a"]',
    "shop:name": "shop",
}


@pytest.mark.parametrize(
    ("path", "value", "key", "whole"),
    [
        ("cart.weight", "25", "shop:cart", {"stable": "blue", "weight": 25}),
        ("cart.canary", "green", "shop:cart", {"stable": "blue", "weight": 0, "canary": "green"}),
        ("shop:cart.stable", "", "shop:cart", {"stable": "", "weight": 0}),
        ('cart["stable"]', "v1", "shop:cart", {"stable": "v1", "weight": 0}),
        ("payment.shares[0].on", "true", "shop:payment", {"shares": [{"on": True}]}),
        ("images[1]", "007", "shop:images", ["a", "007"]),
        ("images[0]", "b", "shop:images", ["b"]),
    ],
)
def test_a_path_sets_one_value_and_keeps_the_others(
    path: str, value: str, key: str, whole: object
) -> None:
    [(changed, text)] = set_paths(CONFIG, {path: value}, "shop").items()
    assert (changed, json.loads(text)) == (key, whole)


def test_several_paths_add_up_and_a_key_alone_is_a_text() -> None:
    values = {"cart.weight": "5", "cart.stable": "green", "name": "5"}
    assert set_paths(CONFIG, values, "shop") == {
        "shop:cart": '{"stable": "green", "weight": 5}',
        "shop:name": "5",
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "must be as releases.petservice.canaryWeight"),
        ("cart..x", "must be as releases.petservice.canaryWeight"),
        ("[0]", "must be as releases.petservice.canaryWeight"),
        ("cart[x]", "must be as releases.petservice.canaryWeight"),
        ("name.x", "its first part holds no list or map"),
        ("cart.stable.x", "the config has no place for x"),
        ("images[5]", "the config has no place for 5"),
    ],
)
def test_what_is_no_path_is_refused_in_one_line(path: str, text: str) -> None:
    with pytest.raises(StackConfigError) as refused:
        set_paths(CONFIG, {path: "1"}, "shop")
    assert str(refused.value) == f"config path {path}: {text}"
