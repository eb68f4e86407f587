"""What an API server checks of Istio's objects: the schemas of their CRDs, and the rules in these.

`istio.json` holds both, as `generate.py` takes them from the Go module istio.io/api (Apache-2.0).
"""
