"""What runbooks do after a loss: of the state, and of its passphrase."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from pulumi.automation import PulumiCommand

from petmesh.project import ROOT
from tests.engine.checkout import STACK, Checkout, Clouds
from tests.engine.standins.kubernetes import RELEASE

RUNBOOKS = ROOT / "docs" / "runbooks"


def run(checkout: Checkout, *command: str) -> None:
    process = checkout.started(*command)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output


def test_a_stack_whose_state_is_lost_is_taken_over(
    dev: Checkout, standins: Clouds, command: PulumiCommand, tmp_path: Path
) -> None:
    before = standins.urns()
    shutil.rmtree(dev.folder.parent / "state")
    (dev.folder.parent / "state").mkdir()
    anew = Checkout(dev.folder.parent, standins, command)

    printed = anew.make("import-file")
    assert printed.returncode == 0, printed.stderr
    file = tmp_path / "import.json"
    file.write_text(printed.stdout)
    run(anew, "import", "--file", str(file), "--yes", "--protect=false", "--generate-code=false")
    # `kubectl delete secret` of each release: what they hold is taken over.
    for key in [key for key in standins.kubernetes.made if key[0] == RELEASE]:
        del standins.kubernetes.made[key]
    anew.export(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true")
    steps = anew.up()

    imported = {each["logicalName"] for each in json.loads(printed.stdout)["resources"]}
    assert {"gke-cluster", "gke-nodes", "images-repository", "ingress-address"} <= imported
    assert not {each.name for each in steps if each.op in ("create", "replace")} & imported
    assert standins.urns() == before


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq")
def test_a_stack_whose_passphrase_is_lost_gets_another(
    dev: Checkout, standins: Clouds, tmp_path: Path
) -> None:
    text = (RUNBOOKS / "lost-passphrase.md").read_text()
    [program] = re.findall(r"jq '([^']*)'", text)
    before = standins.urns()
    dev.export(PULUMI_CONFIG_PASSPHRASE="another")  # noqa: S106

    state, plain = tmp_path / "state.json", tmp_path / "plain.json"
    run(dev, "stack", "export", "--file", str(state))
    assert "ciphertext" in state.read_text()
    plain.write_bytes(
        subprocess.run(["jq", program, state], check=True, capture_output=True).stdout
    )
    assert "ciphertext" not in plain.read_text()
    settings = dev.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(settings.read_text())
    del document["encryptionsalt"]
    settings.write_text(yaml.safe_dump(document))
    run(dev, "stack", "import", "--file", str(plain))

    assert {each.op for each in dev.up()} <= {"update"}
    assert dev.preview() == []
    assert standins.urns() == before
