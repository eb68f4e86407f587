"""Benchmarks of petservice, beside a plain sequential version of itself, and of ramps."""
