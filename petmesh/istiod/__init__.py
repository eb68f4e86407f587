"""Asks istiod itself what it would send a mesh's proxies."""
