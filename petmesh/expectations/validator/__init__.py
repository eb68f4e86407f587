"""Test files of istio-config-validator: which route a request takes, and what the route declares.

Source: https://github.com/getyourguide/istio-config-validator/blob/main/docs/test-cases.md
"""
