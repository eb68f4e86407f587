"""What an API server checks of Istio's objects: the schemas of their CRDs, and the rules in these.

`istio.json` holds both for the release that is translated, `istio-1.30.json` and `istio-1.29.json`
for the older minor versions that are supported. `generate.py` takes them from the Go module
istio.io/api (Apache-2.0).
"""
