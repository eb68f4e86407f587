"""Runs a stack's Pulumi program in process and returns what it declares.

The real `__main__.py` runs under the SDK with a resource monitor of our own in the engine's place:
nothing is created, no CLI is needed, and of files the program writes its images' contexts alone.
"""

import asyncio
import gc
import runpy
import sys
import threading
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from google.protobuf.message import Message
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_SIGNATURE
from pulumi.runtime.settings import Settings, configure
from pulumi.runtime.stack import run_in_stack

from petmesh.program.fake_cloud import computed_outputs, invoke_result
from petmesh.program.stack_config import StackConfigError, project_name, stack_config
from petmesh.project import ROOT

STACK_TYPE: Final = "pulumi:pulumi:Stack"
_MAIN: Final = threading.Lock()
# The wire format's marks, https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/properties.go
_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a public constant)
_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"


class ProgramError(Exception):
    """The program refused to go on, as it would under the CLI; one line per problem."""


class Unknown:
    """Stands in a preview for a value that only an update can tell."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource.

    `inputs` and `outputs` are plain data (whole numbers are int, secrets are unwrapped, what isn't
    known in a preview is `UNKNOWN`); `secret_inputs` and `secret_outputs` are the paths within
    that are secret, such as `data.password` or `env[0].value`. Other resources are named by URN.
    """

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secret_inputs: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, Any])
    provider: str = ""
    providers: Mapping[str, str] = field(default_factory=dict[str, str])
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    deleted_with: str = ""
    import_id: str = ""
    read_id: str = ""
    aliases: tuple[Mapping[str, Any], ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    plugin_download_url: str = ""


@dataclass(frozen=True)
class Declaration:
    """What one run of the program declared, in the order of registration."""

    project: str
    stack: str
    preview: bool
    config: Mapping[str, str]
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    warnings: tuple[str, ...]

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """The resources of one type token, such as `kubernetes:apps/v1:Deployment`."""
        return tuple(resource for resource in self.resources if resource.type == type_)

    def one(self, type_: str, name: str) -> Resource:
        """The resource of a type token and a logical name; LookupError unless there is one."""
        found = [resource for resource in self.of_type(type_) if resource.name == name]
        if len(found) != 1:
            raise LookupError(f"{type_} {name}: {len(found)} declared")
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        """The resource of a URN; LookupError where there is none."""
        for resource in self.resources:
            if resource.urn == urn:
                return resource
        raise LookupError(f"{urn}: not declared")


def declare(
    stack: str,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    preview: bool = False,
    root: Path = ROOT,
) -> Declaration:
    """Run the program for a stack and return what it declares.

    Args:
        stack: the stack's name; its configuration is Pulumi.<stack>.yaml over Pulumi.yaml's
            defaults.
        overrides: configuration that wins over both; a key without a namespace is the project's.
        preview: leave what the cloud computes unknown, as `pulumi preview` does before a first
            update.
        root: the folder of Pulumi.yaml and `__main__.py`.

    Raises:
        ProgramError: the configuration or the program refuses; its text is for people.
        Exception: anything else that the program raises, as it is.
    """
    try:
        project = project_name(root)
        config, secret_keys = stack_config(stack, overrides, root)
    except StackConfigError as error:
        raise ProgramError(str(error)) from error
    monitor = _Monitor(stack, project, config, preview=preview)
    engine = _Engine()

    async def run() -> None:
        # One worker: the monitor takes one registration at a time.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        configure(
            Settings(
                project=project,
                stack=stack,
                monitor=monitor,
                engine=engine,
                dry_run=preview,
                organization="organization",
                root_directory=str(root),
            )
        )
        set_all_config(config, sorted(secret_keys))
        await run_in_stack(lambda: _run_main(root))

    try:
        with _no_garbage_collection():
            _in_own_thread(run)
    except SystemExit as ended:
        if ended.code and not engine.errors:
            raise ProgramError(f"the program ended with exit status {ended.code}") from None
    if engine.errors:
        raise ProgramError("\n".join(engine.errors))
    return Declaration(
        project=project,
        stack=stack,
        preview=preview,
        config=config,
        resources=tuple(monitor.declared.values()),
        outputs=monitor.stack_outputs,
        secret_outputs=frozenset(monitor.stack_secrets),
        warnings=tuple(engine.warnings),
    )


def _run_main(root: Path) -> None:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    # While it runs, the program is the whole process's __main__: one at a time.
    with _MAIN, _no_stack_traces():
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")


@contextmanager
def _no_stack_traces() -> Generator[None]:
    """Spare each resource the URI of every frame above it, a fifth of the time of a run.

    The SDK sends the engine where a resource was declared, which nothing here reads.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = 1
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Importing the SDK makes so many objects that to scan them takes a quarter of a first run."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _in_own_thread(run: Any) -> None:  # noqa: ANN401 (a coroutine function)
    """Run to the end in a fresh thread, event loop and context.

    The SDK keeps its settings, configuration and root resource in context variables: a fresh
    context is what keeps one run from seeing another's, and the caller's loop may be busy.
    """
    failure: list[BaseException] = []

    def main() -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(run(), context=Context())
        except BaseException as error:  # noqa: BLE001 (handed over to the caller's thread)
            failure.append(error)

    thread = threading.Thread(target=main, name="pulumi-program", daemon=True)
    thread.start()
    thread.join()
    if not failure:
        return
    if isinstance(failure[0], pulumi.RunError):
        raise ProgramError(str(failure[0])) from failure[0]
    raise failure[0]


class _Engine:
    """Takes the program's log messages."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:  # noqa: N802 (gRPC's name)
        if request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        elif request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return empty_pb2.Empty()

    def RequirePulumiVersion(  # noqa: N802 (gRPC's name)
        self, _request: engine_pb2.RequirePulumiVersionRequest
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class _NoMocks(Mocks):
    """The monitor below answers for itself."""

    def call(self, args: MockCallArgs) -> Any:  # noqa: ANN401 (the SDK's type)
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> Any:  # noqa: ANN401 (the SDK's type)
        raise NotImplementedError(args.typ)


class _Monitor(MockMonitor):
    """Takes the engine's place: records registrations and answers with computed outputs."""

    def __init__(self, stack: str, project: str, config: dict[str, str], *, preview: bool) -> None:
        super().__init__(_NoMocks())
        self._prefix = f"urn:pulumi:{stack}::{project}::"
        self._config = config
        self._preview = preview
        self._stack_urn = ""
        self.declared: dict[str, Resource] = {}
        self.stack_outputs: dict[str, Any] = {}
        self.stack_secrets: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN that the engine gives: every parent type but the stack's is part of it."""
        parent_types = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parent_types == STACK_TYPE else f"{parent_types}${type_}"
        return f"{self._prefix}{qualified}::{name}"

    def RegisterResource(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            self._stack_urn = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if request.remote:
            raise ProgramError(f"{urn}: a remote component cannot be run in process")
        secret_inputs: set[str] = set()
        inputs = _plain_struct(request.object, secret_inputs)
        id_, state = self._create(request, inputs)
        secret_outputs: set[str] = set()
        timeouts = request.customTimeouts
        self._record(
            Resource(
                type=request.type,
                name=request.name,
                urn=urn,
                parent=request.parent,
                custom=request.custom,
                inputs=inputs,
                outputs=_plain_struct(state, secret_outputs),
                secret_inputs=frozenset(secret_inputs),
                secret_outputs=frozenset(secret_outputs),
                dependencies=tuple(sorted(request.dependencies)),
                property_dependencies={
                    key: tuple(sorted(value.urns))
                    for key, value in sorted(request.propertyDependencies.items())
                },
                provider=_urn_of_reference(request.provider),
                providers={
                    key: _urn_of_reference(value) for key, value in request.providers.items()
                },
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                delete_before_replace=(
                    request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
                ),
                deleted_with=request.deletedWith,
                import_id=request.importId,
                aliases=_aliases(request),
                ignore_changes=tuple(request.ignoreChanges),
                replace_on_changes=tuple(request.replaceOnChanges),
                additional_secret_outputs=tuple(request.additionalSecretOutputs),
                custom_timeouts={
                    key: value
                    for key in ("create", "update", "delete")
                    if (value := str(getattr(timeouts, key)))
                },
                version=request.version,
                plugin_download_url=request.pluginDownloadURL,
            )
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def ReadResource(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = _plain_struct(request.properties, set())
        _, computed = computed_outputs(request.type, request.name, inputs, self._config)
        state = struct_pb2.Struct()
        state.CopyFrom(request.properties)
        state.update(computed)
        self._record(
            Resource(
                type=request.type,
                name=request.name,
                urn=urn,
                parent=request.parent,
                custom=True,
                inputs=inputs,
                outputs=_plain_struct(state, set()),
                dependencies=tuple(sorted(request.dependencies)),
                provider=_urn_of_reference(request.provider),
                read_id=request.id,
                version=request.version,
            )
        )
        return resource_pb2.ReadResourceResponse(urn=urn, properties=state)

    def RegisterResourceOutputs(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        secrets: set[str] = set()
        outputs = _plain_struct(request.outputs, secrets)
        if request.urn == self._stack_urn:
            self.stack_outputs, self.stack_secrets = outputs, secrets
        else:
            self.declared[request.urn] = replace(
                self.declared[request.urn], outputs=outputs, secret_outputs=frozenset(secrets)
            )
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        result = struct_pb2.Struct()
        if request.tok == "pulumi:pulumi:getResource":
            urn = _plain_struct(request.args, set())["urn"]
            declared = self.declared[urn]
            state = struct_pb2.Struct()
            state.update(declared.outputs)
            result.update({"urn": urn, "id": "", "state": state})
        else:
            args = _plain_struct(request.args, set())
            result.update(invoke_result(request.tok, args, self._config))
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(result)
        return response

    def _record(self, resource: Resource) -> None:
        if resource.urn in self.declared:
            raise ProgramError(f"duplicate resource URN {resource.urn}: try a unique name")
        self.declared[resource.urn] = resource

    def _create(
        self, request: resource_pb2.RegisterResourceRequest, inputs: dict[str, Any]
    ) -> tuple[str, struct_pb2.Struct]:
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        if not request.custom or self._preview:
            return "", state
        if request.type.startswith("pulumi:providers:"):
            return f"{request.name}-id", state
        id_, computed = computed_outputs(request.type, request.name, inputs, self._config)
        for key, value in computed.items():
            secret = key in request.additionalSecretOutputs or _is_secret(state.fields.get(key))
            state.update({key: {_SIGNATURE_KEY: _SECRET, "value": value} if secret else value})
        return request.importId or id_, state


def _aliases(request: resource_pb2.RegisterResourceRequest) -> tuple[Mapping[str, Any], ...]:
    aliases = cast("Iterable[Message]", request.aliases)
    return tuple(json_format.MessageToDict(alias) for alias in aliases)


def _urn_of_reference(reference: str) -> str:
    """A provider reference is `<urn>::<id>`."""
    return reference.rpartition("::")[0]


def _is_secret(value: struct_pb2.Value | None) -> bool:
    return (
        value is not None
        and value.WhichOneof("kind") == "struct_value"
        and value.struct_value.fields[_SIGNATURE_KEY].string_value == _SECRET
    )


def _plain_struct(value: struct_pb2.Struct, secrets: set[str], path: str = "") -> dict[str, Any]:
    return {
        key: _plain(item, secrets, f"{path}.{key}" if path else key)
        for key, item in sorted(value.fields.items())
    }


def _plain(value: struct_pb2.Value, secrets: set[str], path: str) -> Any:  # noqa: ANN401 (data)
    """Plain data of a wire value; the paths of its secrets are added to `secrets`."""
    match value.WhichOneof("kind"):
        case "struct_value":
            fields = value.struct_value.fields
            signature = fields[_SIGNATURE_KEY].string_value if _SIGNATURE_KEY in fields else ""
            if signature == _SECRET:
                secrets.add(path)
                plain = _plain(fields["value"], secrets, path)
            elif signature == _REFERENCE:
                plain = fields["urn"].string_value
            else:
                plain = _plain_struct(value.struct_value, secrets, path)
        case "list_value":
            plain = [
                _plain(item, secrets, f"{path}[{index}]")
                for index, item in enumerate(value.list_value.values)
            ]
        case "string_value":
            text = value.string_value
            plain = UNKNOWN if text == UNKNOWN_SIGNATURE else text
        case "number_value":
            number = value.number_value
            plain = int(number) if number.is_integer() else number
        case "bool_value":
            plain = value.bool_value
        case _:
            plain = None
    return plain
