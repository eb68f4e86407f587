"""Ramps in real time: with pauses, processes that are killed, and files that others write."""

from tests.unit.ramp.conftest import target

__all__ = ["target"]
