"""This machine: processes, ports, certificates, concurrency."""
