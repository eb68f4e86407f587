"""Canary releases that ramp, watch themselves and go back by themselves.

The stack's `canaryWeight` stays the only truth: each step sets it and applies the stack, so a
preview always tells what is live.
"""
