"""Addresses by which istiod knows pods and gateways."""


class Addresses:
    """An address of 127.0.0.0/8 for each pod and gateway, by name."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the address of a pod or gateway; always the same."""
        number = len(self._of)
        return self._of.setdefault(name, f"127.16.{number // 250}.{number % 250 + 1}")

    def name(self, address: str) -> str | None:
        """Return whose address it is; None if it is nobody's."""
        return next((name for name, own in self._of.items() if own == address), None)
