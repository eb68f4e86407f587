"""The stack files that the repository keeps."""

import pytest
import yaml

from settings import ROOT


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_a_value_is_written_as_the_cli_writes_it_so_that_no_command_changes_the_file(
    stack: str,
) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert config
    for key, value in config.items():
        assert isinstance(value, str), f"{key}: the CLI writes it with quotes"
