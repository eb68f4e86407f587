"""Arguments that more than one command takes."""

import argparse


def config_pair(text: str) -> tuple[str, str]:
    """A config key and its value, as `--config` takes them."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text}: must be KEY=VALUE, as canaryWeight=25")
    return key, value
