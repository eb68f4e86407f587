"""A provider plugin that makes nothing: what it is given is what there is."""

import sys
from collections.abc import Callable
from concurrent import futures
from typing import Any, Final, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as protocol

# What it is asked and what it says, which is the least that the engine needs.
_ANSWERS: Final[dict[str, tuple[Any, Callable[[Any], Any]]]] = {
    "GetPluginInfo": (Empty, lambda _: plugin_pb2.PluginInfo(version="4.0.0")),
    "CheckConfig": (protocol.CheckRequest, lambda ask: protocol.CheckResponse(inputs=ask.news)),
    "DiffConfig": (protocol.DiffRequest, lambda _: protocol.DiffResponse()),
    "Configure": (
        protocol.ConfigureRequest,
        lambda _: protocol.ConfigureResponse(supportsPreview=True),
    ),
    "Check": (protocol.CheckRequest, lambda ask: protocol.CheckResponse(inputs=ask.news)),
    "Diff": (
        protocol.DiffRequest,
        lambda ask: protocol.DiffResponse(
            changes=protocol.DiffResponse.DIFF_NONE
            if ask.news == ask.old_inputs
            else protocol.DiffResponse.DIFF_SOME
        ),
    ),
    "Create": (
        protocol.CreateRequest,
        lambda ask: protocol.CreateResponse(id="made", properties=ask.properties),
    ),
    "Update": (protocol.UpdateRequest, lambda ask: protocol.UpdateResponse(properties=ask.news)),
    "Cancel": (Empty, lambda _: Empty()),
}


def _handler(method: str) -> Any:  # noqa: ANN401 (grpc's types say no more)
    asked, answer = _ANSWERS[method]

    def behave(ask: Any, _context: Any) -> bytes:  # noqa: ANN401 (grpc's types say no more)
        return answer(ask).SerializeToString()

    return cast("Any", grpc.unary_unary_rpc_method_handler(behave, asked.FromString))


server = grpc.server(futures.ThreadPoolExecutor())
handlers = {method: _handler(method) for method in _ANSWERS}
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("pulumirpc.ResourceProvider", handlers)]
)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
sys.stdout.write(f"{port}\n")
sys.stdout.flush()
server.wait_for_termination()
