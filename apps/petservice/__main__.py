"""Run the service: `python -m petservice`."""

import sys
from collections.abc import Callable

from httpservice.environment import Environment, Url
from httpservice.run import run
from httpservice.service import Service
from httpservice.upstream import Upstream
from petservice.pets import Pets

_DETAILS_URL = "http://petdetailsservice:9081"
_HISTORY_URL = "http://petmedicalhistoryservice:9082"


def build(environment: Environment) -> Callable[[], Service]:
    """Read where the upstreams are and how long they may take, 0.01 to 60 seconds each."""
    details = environment.required_url("PETDETAILS_URL", _DETAILS_URL)
    history = environment.required_url("PETMEDICALHISTORY_URL", _HISTORY_URL)
    dog_api = environment.url("DOG_API_URL", "")
    timeout = environment.number("UPSTREAM_TIMEOUT_SECONDS", 2.0, 0.01, 60)
    proxies = {url: environment.proxy_for(url) for url in (details, history, dog_api) if url}

    def upstream(url: Url) -> Upstream:
        return Upstream(url, timeout=timeout, proxy=proxies[url], user_agent="petservice")

    def make() -> Service:
        asked = [upstream(url) for url in (details, history, dog_api) if url]
        pets = Pets(asked[0], asked[1], asked[2] if dog_api else None, str(dog_api))
        return Service("", pets.answer, asked)

    return make


if __name__ == "__main__":
    sys.exit(run("petservice", 9080, build))
