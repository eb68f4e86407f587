"""A resource monitor in the engine's place: records registrations and returns outputs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from google.protobuf import empty_pb2, json_format, struct_pb2
from google.protobuf.message import Message
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import engine_pb2, resource_pb2

from petmesh.program.declaration import STACK_TYPE, Declaration, ProgramError, Resource
from petmesh.program.fake_cloud import computed_outputs, invoke_result
from petmesh.program.wire import as_secret, is_secret, plain_struct

# A StackReference, and the function of the engine that it calls.
_REFERENCE = "pulumi:pulumi:StackReference"
_READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"


class Engine:
    """Receives the program's log messages."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:  # noqa: N802 (gRPC's name)
        """Record a warning or an error."""
        if request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        elif request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return empty_pb2.Empty()

    def RequirePulumiVersion(  # noqa: N802 (gRPC's name)
        self, _request: engine_pb2.RequirePulumiVersionRequest
    ) -> empty_pb2.Empty:
        """Accept any version."""
        return empty_pb2.Empty()


class _NoMocks(Mocks):
    """The SDK's mocks, which the monitor below never calls."""

    def call(self, args: MockCallArgs) -> Any:  # noqa: ANN401 (the SDK's type)
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> Any:  # noqa: ANN401 (the SDK's type)
        raise NotImplementedError(args.typ)


class Monitor(MockMonitor):
    """Records registrations, and returns what `fake_cloud` computes.

    Attributes:
        stack, project, config, preview: what the program runs for.
        declared: the resources by URN, in the order of registration.
        stack_outputs: the stack's outputs.
        stack_secrets: the names of secret ones.
        wanted: the names of the stacks that the program refers to and that aren't among those
            given; their outputs were empty.
    """

    def __init__(
        self,
        stack: str,
        project: str,
        config: dict[str, str],
        *,
        preview: bool,
        references: Mapping[str, Declaration],
    ) -> None:
        super().__init__(_NoMocks())
        self._references = references
        self.wanted: list[str] = []
        self.stack, self.project = stack, project
        self._prefix = f"urn:pulumi:{stack}::{project}::"
        self.config = config
        self.preview = preview
        self._stack_urn = ""
        self.declared: dict[str, Resource] = {}
        self.stack_outputs: dict[str, Any] = {}
        self.stack_secrets: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the engine's URN, which has every parent's type but the stack's."""
        parent_types = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parent_types == STACK_TYPE else f"{parent_types}${type_}"
        return f"{self._prefix}{qualified}::{name}"

    def RegisterResource(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Record a resource; outside a preview its state has computed outputs too."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            self._stack_urn = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if request.remote:
            raise ProgramError(f"{urn}: a remote component cannot be run in process")
        secret_inputs: set[str] = set()
        inputs = plain_struct(request.object, secret_inputs)
        id_, state = self._create(request, inputs)
        self._record(_declared(request, urn, inputs, secret_inputs, state))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def ReadResource(  # noqa: N802 (gRPC's name)
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Record an existing resource, with computed outputs."""
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = plain_struct(request.properties, set())
        if request.type == _REFERENCE:
            computed = self._outputs_of(request.id)
        else:
            _, computed = computed_outputs(request.type, request.name, inputs, self.config)
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
                outputs=plain_struct(state, set()),
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
        """Record the outputs of a component or of the stack."""
        secrets: set[str] = set()
        outputs = plain_struct(request.outputs, secrets)
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
        """Return the result of a provider's function, or a declared resource's state."""
        result = struct_pb2.Struct()
        if request.tok == "pulumi:pulumi:getResource":
            urn = plain_struct(request.args, set())["urn"]
            declared = self.declared[urn]
            state = struct_pb2.Struct()
            state.update(declared.outputs)
            result.update({"urn": urn, "id": "", "state": state})
        elif request.tok == _READ_OUTPUTS:
            result.update(self._outputs_of(plain_struct(request.args, set())["name"]))
        else:
            args = plain_struct(request.args, set())
            result.update(invoke_result(request.tok, args, self.config))
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(result)
        return response

    def _outputs_of(self, name: str) -> dict[str, Any]:
        """Return another stack's outputs, as a StackReference has them."""
        found = self._references.get(name)
        if found is None:
            self.wanted.append(name)
        return {
            "name": name,
            "outputs": dict(found.outputs) if found else {},
            "secretOutputNames": sorted(found.secret_outputs) if found else [],
        }

    def _record(self, resource: Resource) -> None:
        if resource.urn in self.declared:
            raise ProgramError(f"duplicate resource URN {resource.urn}: try a unique name")
        self.declared[resource.urn] = resource

    def _create(
        self, request: resource_pb2.RegisterResourceRequest, inputs: dict[str, Any]
    ) -> tuple[str, struct_pb2.Struct]:
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        if not request.custom or self.preview:
            return "", state
        if request.type.startswith("pulumi:providers:"):
            return f"{request.name}-id", state
        id_, computed = computed_outputs(request.type, request.name, inputs, self.config)
        for key, value in computed.items():
            secret = key in request.additionalSecretOutputs or is_secret(state.fields.get(key))
            state.update({key: as_secret(value) if secret else value})
        return request.importId or id_, state


def _declared(
    request: resource_pb2.RegisterResourceRequest,
    urn: str,
    inputs: Mapping[str, Any],
    secret_inputs: Iterable[str],
    state: struct_pb2.Struct,
) -> Resource:
    """Return the resource that a request registers, with its state as outputs."""
    secret_outputs: set[str] = set()
    timeouts = request.customTimeouts
    return Resource(
        type=request.type,
        name=request.name,
        urn=urn,
        parent=request.parent,
        custom=request.custom,
        inputs=inputs,
        outputs=plain_struct(state, secret_outputs),
        secret_inputs=frozenset(secret_inputs),
        secret_outputs=frozenset(secret_outputs),
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={
            key: tuple(sorted(value.urns))
            for key, value in sorted(request.propertyDependencies.items())
        },
        provider=_urn_of_reference(request.provider),
        providers={key: _urn_of_reference(value) for key, value in request.providers.items()},
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


def _aliases(request: resource_pb2.RegisterResourceRequest) -> tuple[Mapping[str, Any], ...]:
    aliases = cast("Iterable[Message]", request.aliases)
    return tuple(json_format.MessageToDict(alias) for alias in aliases)


def _urn_of_reference(reference: str) -> str:
    """Return the URN of a provider reference, which is `<urn>::<id>`."""
    return reference.rpartition("::")[0]
