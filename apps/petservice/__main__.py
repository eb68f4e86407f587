"""Run the service: `python -m petservice`."""

import sys

from aiohttp import web
from yarl import URL

from httpservice.environment import Environment
from httpservice.run import run
from httpservice.service import Service
from httpservice.upstream import Upstream
from petservice.pets import Pets

_DETAILS_URL = "http://petdetailsservice:9081"
_HISTORY_URL = "http://petmedicalhistoryservice:9082"


def build(environment: Environment) -> Service:
    """Read where the upstreams are and how long they may take, 0.01 to 60 seconds each."""
    timeout = environment.number("UPSTREAM_TIMEOUT_SECONDS", 2.0, 0.01, 60)

    def upstream(url: URL, proxy: URL | None = None) -> Upstream:
        proxy = proxy or environment.proxy_for(url)
        return Upstream(url, timeout=timeout, proxy=proxy, user_agent="petservice")

    details = upstream(environment.required_url("PETDETAILS_URL", _DETAILS_URL))
    history = upstream(environment.required_url("PETMEDICALHISTORY_URL", _HISTORY_URL))
    url = environment.url("DOG_API_URL", "")
    dog_api_proxy = environment.url("DOG_API_PROXY", "")
    dog_api = upstream(url, dog_api_proxy) if url else None
    called = [details, history, *([dog_api] if dog_api else [])]
    return Service([web.get("/pet/{id}", Pets(details, history, dog_api).answer)], called)


if __name__ == "__main__":
    sys.exit(run("petservice", 9080, build))
