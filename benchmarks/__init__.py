"""Benchmarks: scripts to run, and in modules with an underscore what they and tests share."""
