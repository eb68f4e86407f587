"""Measures petservice beside a plain sequential version of itself."""
