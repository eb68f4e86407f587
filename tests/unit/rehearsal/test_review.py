"""A change's review as Markdown."""

from rehearsal.difference import Difference
from rehearsal.review import MARK, Review, Split, markdown

COMMIT = "0123456789abcdef"
ROUTE = "kubernetes:networking.istio.io/v1:VirtualService"


def weight(name: str = "petdetailsservice") -> Difference:
    fields = (
        ("spec.http[weighted].route[v1].weight", 90, 75),
        ("spec.http[weighted].route[v2].weight", 10, 25),
    )
    return Difference("~", ROUTE, name, fields)


def report(*reviews: Review) -> str:
    return markdown(reviews, "main", COMMIT)


def test_a_change_of_weight_is_a_line() -> None:
    text = report(
        Review(
            stack="dev",
            declared=60,
            rules=18,
            compared=True,
            differences=(weight(),),
            split=Split(
                workload="petdetailsservice-v2",
                weight=25,
                share=0.2471,
                interval=(0.219, 0.282),
                requests=2000,
            ),
        )
    )
    assert (
        text
        == f"""{MARK}
### Preview of `dev`, in process

60 resources declared, 1 changed against `main` (0123456).

```diff
~ VirtualService petdetailsservice: weight 10 -> 25
```

Guard-rails: 18 rules, nothing to mend.

Rehearsed through Envoy: `petdetailsservice-v2` is to get 25%, and got 24.7% of 2,000 requests \
(99.9% interval 21.9% to 28.2%), 0 failures.
"""
    )


def test_what_comes_and_goes_is_grouped_by_kind_and_cut() -> None:
    pods = [Difference("+", "kubernetes:apps/v1:Deployment", f"d{n}") for n in range(20)]
    gone = Difference("-", "kubernetes:core/v1:Service", "s")
    text = report(Review(stack="dev", declared=9, compared=True, differences=(*pods, gone)))
    assert "\n+ 20 Deployment d0, d1, d2, d3, d4, d5, d6, d7 and 12 more\n" in text
    assert "\n- Service s\n" in text
    assert "21 changed" in text


def test_many_changes_are_cut() -> None:
    changes = tuple(weight(f"r{number}") for number in range(52))
    text = report(Review(stack="dev", declared=9, compared=True, differences=changes))
    assert text.count("~ VirtualService") == 40
    assert "\nand 12 more\n```" in text


def test_an_image_of_other_sources_is_built_anew() -> None:
    built = {"petservice-v1-image": ["apps/petservice/api.py", "apps/requirements.txt"]}
    text = report(Review(stack="dev", declared=9, compared=True, built=built))
    assert "~ Image petservice-v1-image: built anew from apps/petservice/api.py and 1 more" in text
    assert "none changed" in text


def test_what_must_be_mended_takes_the_place_of_a_good_verdict() -> None:
    text = report(Review(stack="dev", declared=9, rules=18, problems=("images-by-digest: …",)))
    assert "**To be mended:**\n\n```text\nimages-by-digest: …\n```" in text
    assert "nothing to mend" not in text
    assert "9 resources declared, not compared." in text


def test_a_change_cant_leave_its_code_block() -> None:
    evil = "x`\n```\n@everyone <img src=//example.com> [a](//b) `"
    text = report(
        Review(
            stack=evil,
            declared=1,
            compared=True,
            differences=(Difference("+", "a:b:C", evil), weight(evil)),
            problems=(evil,),
            built={evil: [evil]},
            split=Split(workload=evil),
        )
    )
    outside = "".join(text.split("```")[::2])
    assert text.count("```") == 4
    # On one line between single backticks, it is code as well.
    shown = [line for line in outside.splitlines() if "@everyone" in line]
    assert all(line.count("`") == 2 for line in shown)
    assert all("@everyone" in line.split("`")[1] for line in shown)


def test_a_report_fits_into_a_comment() -> None:
    long = tuple(Difference("+", f"a:b:K{n}", "n" * 2000) for n in range(60))
    text = report(*(Review(stack=f"s{n}", declared=1, differences=long) for n in range(5)))
    assert len(text) < 65_536
    assert text.count("```") % 2 == 0
    assert text.endswith("Cut: too long for a comment.\n")
