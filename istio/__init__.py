"""What the mesh does: its installation, ingress, egress, routing and security."""
