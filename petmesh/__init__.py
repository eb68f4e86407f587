"""The toolkit: rehearses, checks and releases any mesh that a Pulumi program declares."""
