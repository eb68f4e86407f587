"""Envoy's configuration, translated from the declared objects as istiod does.

Facts about istiod are from its source, release 1.31, under pilot/pkg/networking/core and
pilot/pkg/security/authz. The translation is pure: objects in, Envoy's JSON out.
"""
