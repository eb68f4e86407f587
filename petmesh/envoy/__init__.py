"""Envoy's configuration, made of the declared objects as istiod would make it.

Facts about istiod are from its source, release 1.31, under pilot/pkg/networking/core and
pilot/pkg/security/authz. Everything here is pure: objects in, Envoy's JSON out.
"""
