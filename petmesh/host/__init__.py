"""This machine: processes, ports, certificates."""
