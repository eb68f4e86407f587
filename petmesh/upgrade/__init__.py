"""What an upgrade of Istio would break: asked of the declared objects, and of a live cluster."""
