"""The declared Kubernetes and Istio objects as models: each field known, left out or refused."""
