"""Objects of gateway.networking.k8s.io, converted to those of Istio as istiod does it."""
