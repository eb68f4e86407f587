"""The declared Kubernetes and Istio objects, read strictly."""
