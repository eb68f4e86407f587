"""A change's review as Markdown."""

from petmesh.program.difference import Difference
from petmesh.rehearsal.share import CanaryShare
from petmesh.report.review import MARK, Review, Split, markdown

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
            splits=(
                Split(
                    workload="petdetailsservice-v2",
                    share=CanaryShare(25, 494, 2000),
                    requests=2000,
                ),
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

An update or a replacement (`~`)? The engine's preview alone knows.

Guard-rails: 18 rules, no violation.

Rehearsed through Envoy: `petdetailsservice-v2` is to get 25%, and got 24.7% of 2,000 requests \
(99.9% interval 21.9% to 28.2%), 0 failures.
"""
    )


def test_what_comes_and_goes_is_grouped_by_kind_and_cut() -> None:
    pods = [Difference("+", "kubernetes:apps/v1:Deployment", f"d{n}") for n in range(20)]
    gone = Difference("-", "kubernetes:core/v1:Service", "s")
    text = report(Review(stack="dev", declared=9, compared=True, differences=(*pods, gone)))
    assert "\n+ 20 Deployment d0, d1, d2, d3, d4, d5, d6, d7 and 12 more\n" in text
    assert "```diff\n- Service s\n+ 20" in text
    assert "21 changed" in text


def test_what_comes_with_more_to_say_has_a_line_of_its_own() -> None:
    type_ = "gcp:projects/iAMMember:IAMMember"
    members = tuple(Difference("+", type_, name, note=f"r for {name}") for name in ("a", "b"))
    text = report(Review(stack="dev", declared=9, compared=True, differences=members))
    assert "\n+ IAMMember a: r for a\n+ IAMMember b: r for b\n" in text


def test_many_changes_are_cut_but_hide_nothing_that_goes() -> None:
    changes = tuple(weight(f"r{number}") for number in range(72))
    gone = Difference("-", "kubernetes:core/v1:Service", "s")
    text = report(Review(stack="dev", declared=9, compared=True, differences=(*changes, gone)))
    assert "```diff\n- Service s\n" in text
    assert text.count("~ VirtualService") == 59
    assert "\nand 13 more\n```" in text


def test_outputs_are_told_but_are_no_resource() -> None:
    fields = (("outputs.url", "http://a", "https://a"),)
    outputs = Difference("~", "pulumi:pulumi:Stack", "dev", fields)
    text = report(Review(stack="dev", declared=9, compared=True, differences=(outputs,)))
    assert "9 resources declared, none changed against `main` (0123456), but the outputs." in text
    assert "\n~ Stack dev: outputs.url http://a -> https://a\n" in text
    text = report(Review(stack="dev", declared=9, compared=True, differences=(weight(), outputs)))
    assert "1 changed against `main` (0123456), and the outputs." in text


def test_a_urls_password_is_never_told() -> None:
    address = "https://user:hunter2@charts.example.com/stable"
    text = report(Review(stack="dev", problems=(f"ValueError: {address} is gone",)))
    assert "ValueError: https://[secret]@charts.example.com/stable is gone" in text


def test_what_must_be_mended_takes_the_place_of_a_good_verdict() -> None:
    text = report(Review(stack="dev", declared=9, rules=18, problems=("images-by-digest: …",)))
    assert "**To fix:**\n\n```text\nimages-by-digest: …\n```" in text
    assert "no violation" not in text
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
            splits=(Split(workload=evil),),
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
