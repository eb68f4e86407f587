"""Pulumi's provider protocol, spoken for a cloud that is a dictionary of this process.

The engine is told to attach to it (`PULUMI_DEBUG_PROVIDERS`) where it would start a plugin, so what
it creates outlives the engine, as a cloud does, and a test can look at it and stop it half-way.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""

import copy
import threading
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Never, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN, is_rpc_secret, unwrap_rpc_secret

Properties = dict[str, Any]
# Each call that is held keeps a thread; the engine has far fewer calls under way at once.
THREADS = 64
_SOME, _NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
_KINDS = provider_pb2.PropertyDiff


class RefusedError(Exception):
    """The cloud doesn't do it; the text is what it answers."""


@dataclass
class Made:
    """What was created.

    Attributes:
        urn: Of which resource.
        inputs: What was asked for.
        outputs: What there is.
    """

    urn: str
    inputs: Properties
    outputs: Properties


Snapshot = tuple[dict[tuple[str, str], Made], Properties]
"""What a stand-in holds, and its configuration."""


@dataclass(frozen=True)
class Call:
    """One call that changes the cloud: create, update or delete of a resource."""

    verb: str
    urn: str

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]


class Hold:
    """Keeps the first call that fits from being answered, though what it asks for is done."""

    def __init__(self, fits: Callable[[Call], bool]) -> None:
        self._fits = fits
        self._released = threading.Event()
        self.reached = threading.Event()

    def release(self) -> None:
        """Answer it."""
        self._released.set()

    def after(self, call: Call) -> None:
        """Wait here if this is the one."""
        if not self._released.is_set() and self._fits(call):
            self.reached.set()
            self._released.wait()


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """A provider that echoes inputs, adds what the cloud computes and keeps what it created.

    Attributes:
        made: What there is, by type token and id.
        calls: The calls that changed it, oldest first.
        config: How the engine configured it last.
    """

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], Made] = {}
        self.calls: list[Call] = []
        self.config: Properties = {}
        self.hold: Hold | None = None
        self._lock = threading.RLock()

    # What a cloud decides for itself.

    def check(self, type_: str, name: str, inputs: Properties) -> Properties:
        """The inputs with the defaults of the cloud."""
        del type_, name
        return inputs

    def computed(self, type_: str, name: str, inputs: Properties) -> tuple[str, Properties]:
        """The id, and the outputs beyond the inputs."""
        raise NotImplementedError

    def replaces(self, type_: str) -> Collection[str]:
        """The paths whose change means another resource."""
        raise NotImplementedError

    def deletes_first(self, old: Properties, new: Properties) -> bool:
        """Whether what is replaced is deleted first: two of one name can't be at once."""
        return any(_called(new)) and _called(old) == _called(new)

    def may_create(self, type_: str, id_: str, inputs: Properties) -> None:
        """RefusedError where it can't be created."""

    def may_update(self, type_: str, id_: str) -> None:
        """RefusedError where it can't be changed."""
        if (type_, id_) not in self.made:
            raise RefusedError(f"{id_}: not found")

    def may_delete(self, type_: str, made: Made) -> None:
        """RefusedError where it can't be deleted."""

    def diff_config(self, old: Properties, new: Properties) -> Collection[str]:
        """The keys of the provider's configuration whose change replaces all that it made."""
        del old, new
        return ()

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """What a function returns."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """All that there is, to come back to."""
        return copy.deepcopy((self.made, self.config))

    def restore(self, snapshot: Snapshot) -> None:
        """Come back to what there was; nothing is held."""
        self.made, self.config = copy.deepcopy(snapshot)
        self.calls, self.hold = [], None

    @contextmanager
    def held(self, fits: Callable[[Call], bool]) -> Generator[Hold]:
        """Hold the first call that fits while this lasts."""
        self.hold = hold = Hold(fits)
        try:
            yield hold
        finally:
            self.hold = None
            hold.release()

    # The protocol.

    def Handshake(  # noqa: N802
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        del request, context
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        del request, context
        return plugin_pb2.PluginInfo(version="99.0.0")

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        del request, context
        return Empty()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        del request, context
        return Empty()

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        del context
        return provider_pb2.CheckResponse(inputs=_struct(_plain(request.news)))

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        del context
        old, new = _plain(request.olds), _plain(request.news)
        changed = sorted({path.partition(".")[0] for path in changed_paths(old, new)})
        return provider_pb2.DiffResponse(
            changes=_SOME if changed else _NONE,
            diffs=changed,
            replaces=sorted(set(self.diff_config(old, new)) & set(changed)),
        )

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        del context
        self.config = _plain(request.args)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        try:
            result = self.invoke(request.tok, _plain(request.args))
        except RefusedError as refused:
            _abort(context, str(refused))
        return ParseDict({"return": result}, provider_pb2.InvokeResponse())

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        del context
        inputs = self.check(request.type, request.name, _plain(request.news))
        return provider_pb2.CheckResponse(inputs=_struct(inputs))

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        del context
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = changed_paths(old, new)
        replacing = {path for path in changed if _within(path, self.replaces(request.type))}
        return provider_pb2.DiffResponse(
            changes=_SOME if changed else _NONE,
            diffs=sorted({_top(path) for path in changed}),
            replaces=sorted({_top(path) for path in replacing}),
            deleteBeforeReplace=bool(replacing) and self.deletes_first(old, new),
            hasDetailedDiff=True,
            detailedDiff={
                path: _KINDS(
                    kind=_KINDS.UPDATE_REPLACE if path in replacing else _KINDS.UPDATE,
                    inputDiff=True,
                )
                for path in changed
            },
        )

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        inputs = _plain(request.properties)
        if request.preview:
            _, computed = self.computed(request.type, request.name, inputs)
            return provider_pb2.CreateResponse(properties=_struct(inputs | _unknown(computed)))
        with self._answering(context, Call("create", request.urn)), self._lock:
            id_, computed = self.computed(request.type, request.name, inputs)
            self.may_create(request.type, id_, inputs)
            outputs = inputs | computed
            self.made[request.type, id_] = Made(request.urn, inputs, outputs)
        return provider_pb2.CreateResponse(id=id_, properties=_struct(outputs))

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        del context
        made = self.made.get((request.type, request.id))
        if not made:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=_struct(made.outputs), inputs=_struct(made.inputs)
        )

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        inputs = _plain(request.news)
        _, computed = self.computed(request.type, request.name, inputs)
        outputs = inputs | computed
        if not request.preview:
            with self._answering(context, Call("update", request.urn)), self._lock:
                self.may_update(request.type, request.id)
                self.made[request.type, request.id] = Made(request.urn, inputs, outputs)
        return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> Empty:
        with self._answering(context, Call("delete", request.urn)), self._lock:
            if made := self.made.get((request.type, request.id)):
                self.may_delete(request.type, made)
                del self.made[request.type, request.id]
        return Empty()

    @contextmanager
    def _answering(self, context: grpc.ServicerContext, call: Call) -> Generator[None]:
        """Answer a refusal as a provider does, and hold what is to be held once it is done."""
        try:
            yield
        except RefusedError as refused:
            _abort(context, f"{call.name}: {refused}")
        self.calls.append(call)
        if hold := self.hold:
            hold.after(call)


@contextmanager
def served(standin: StandIn) -> Generator[int]:
    """Serve it on loopback while this lasts; the port."""
    server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="stand-in"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(standin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def changed_paths(old: Any, new: Any, path: str = "") -> list[str]:  # noqa: ANN401 (data)
    """The property paths at which two values differ; a list differs as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        olds, news = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        return [
            deeper
            for key in sorted({*olds, *news})
            for deeper in changed_paths(olds.get(key), news.get(key), _step(path, key))
        ]
    return [] if old == new and not _has_unknown(new) else [path]


def _step(path: str, key: str) -> str:
    if not key.replace("_", "").isalnum():
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _within(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


def _called(inputs: Properties) -> tuple[str | None, ...]:
    metadata: Properties = inputs.get("metadata") or {}
    return inputs.get("name"), metadata.get("name"), metadata.get("namespace")


def _has_unknown(value: Any) -> bool:  # noqa: ANN401 (data)
    if isinstance(value, list):
        return any(map(_has_unknown, cast("list[Any]", value)))
    if isinstance(value, Mapping):
        return any(map(_has_unknown, cast("Mapping[str, Any]", value).values()))
    return value == UNKNOWN


def _unknown(computed: Properties) -> Properties:
    return dict.fromkeys(computed, UNKNOWN)


def _plain(struct: Struct) -> Properties:
    return _bare(MessageToDict(struct))


def _bare(value: Any) -> Any:  # noqa: ANN401 (data)
    """A value without the marks of secrets in it."""
    if isinstance(value, list):
        return [_bare(each) for each in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        if is_rpc_secret(value):
            return _bare(unwrap_rpc_secret(value))
        return {key: _bare(each) for key, each in cast("Mapping[str, Any]", value).items()}
    return value


def _struct(properties: Properties) -> Struct:
    return ParseDict(properties, Struct())


def _abort(context: grpc.ServicerContext, text: str) -> Never:
    context.abort(grpc.StatusCode.UNKNOWN, text)
    raise AssertionError
