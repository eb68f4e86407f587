"""How long an idle connection is kept, by a service's server and by its clients.

The proxies before a service and behind it have times of their own: `istio/idle.py`. Who sends the
requests of a connection must give it up before who answers them does, or a request that is sent
just then fails. `tests/unit/istio/test_idle.py` holds all of them against each other.
"""

# Of a connection that a caller opened. Longer than every proxy's before it.
IDLE_SECONDS = 75.0

# Of a connection to another service: shorter than any proxy or server behind it keeps it.
CLIENT_IDLE_SECONDS = 30.0
