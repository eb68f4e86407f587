"""Kubernetes YAML as a declaration: the same resources that a Pulumi program declares."""
