from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.graph_in_on_task_failure import GraphInOnTaskFailure
from ..models.graph_in_planner_type_0 import GraphInPlannerType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.aggregate_in import AggregateIn
    from ..models.attachments_in import AttachmentsIn
    from ..models.budget_in import BudgetIn
    from ..models.files_in import FilesIn
    from ..models.formats_in import FormatsIn
    from ..models.graph_in_metadata import GraphInMetadata
    from ..models.graph_in_output_schema_type_0 import GraphInOutputSchemaType0
    from ..models.image_part import ImagePart
    from ..models.limits_in import LimitsIn
    from ..models.map_in import MapIn
    from ..models.retry_in import RetryIn
    from ..models.routing_in import RoutingIn
    from ..models.rows_in import RowsIn
    from ..models.task_in import TaskIn
    from ..models.text_part import TextPart
    from ..models.validate_in import ValidateIn
    from ..models.video_part import VideoPart
    from ..models.webhook_in import WebhookIn


T = TypeVar("T", bound="GraphIn")


@_attrs_define
class GraphIn:
    """A graph to save: whatever `POST /v1/swarms` takes, with a description and a layout.

    What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision` the newest.

        Attributes:
            agent (None | str | Unset): Orchestrator, by id or name
            aggregate (AggregateIn | None | str | Unset):
            attachments (AttachmentsIn | None | Unset): Texts that the goal is about
            budget (BudgetIn | None | Unset):
            context_window (int | None | Unset): Tokens a sub-agent may be sent: outputs of its dependencies and its earlier
                steps are shortened, never the task itself
            created_at (None | str | Unset): Read-only
            decompose (FilesIn | FormatsIn | MapIn | None | RowsIn | Unset):
            description (None | str | Unset):
            goal (list[ImagePart | TextPart | VideoPart] | None | str | Unset): What is wanted, in words or message parts: a
                planner makes the tasks, and each of them is sent the goal's images and videos
            graph_id (None | str | Unset): Read-only
            layout (Any | Unset): The editor's own: kept and given back as it is
            limits (LimitsIn | Unset):
            metadata (GraphInMetadata | Unset):
            min_success_rate (float | Unset):  Default: 0.0.
            model (None | str | Unset):
            name (None | str | Unset):
            on_task_failure (GraphInOnTaskFailure | Unset):  Default: GraphInOnTaskFailure.CONTINUE.
            output_schema (GraphInOutputSchemaType0 | None | Unset): JSON Schema of each task's output; with a goal, of the
                merged value
            planner (GraphInPlannerType0 | None | Unset): Of a goal: supervisor (default) plans once, orchestrator assigns
                work turn by turn
            retry (RetryIn | Unset):
            revision (int | None | Unset): The revision that is changed; another one there is a 412
            routing (None | RoutingIn | Unset):
            shared_context (None | str | Unset):
            start_at (None | str | Unset): RFC 3339, within a year: when it begins; until then it is paused, with
                `pause_reason` start_at
            system_prompt (None | str | Unset):
            tasks (list[TaskIn] | None | Unset): The DAG; 1-20,000 tasks
            updated_at (None | str | Unset): Read-only
            validate (None | str | Unset | ValidateIn): A judge of every output; a text is its rubric
            webhook (None | str | Unset | WebhookIn): Where events of the run are posted: a URL, for its end, or which
                events, and with which secret
    """

    agent: None | str | Unset = UNSET
    aggregate: AggregateIn | None | str | Unset = UNSET
    attachments: AttachmentsIn | None | Unset = UNSET
    budget: BudgetIn | None | Unset = UNSET
    context_window: int | None | Unset = UNSET
    created_at: None | str | Unset = UNSET
    decompose: FilesIn | FormatsIn | MapIn | None | RowsIn | Unset = UNSET
    description: None | str | Unset = UNSET
    goal: list[ImagePart | TextPart | VideoPart] | None | str | Unset = UNSET
    graph_id: None | str | Unset = UNSET
    layout: Any | Unset = UNSET
    limits: LimitsIn | Unset = UNSET
    metadata: GraphInMetadata | Unset = UNSET
    min_success_rate: float | Unset = 0.0
    model: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    on_task_failure: GraphInOnTaskFailure | Unset = GraphInOnTaskFailure.CONTINUE
    output_schema: GraphInOutputSchemaType0 | None | Unset = UNSET
    planner: GraphInPlannerType0 | None | Unset = UNSET
    retry: RetryIn | Unset = UNSET
    revision: int | None | Unset = UNSET
    routing: None | RoutingIn | Unset = UNSET
    shared_context: None | str | Unset = UNSET
    start_at: None | str | Unset = UNSET
    system_prompt: None | str | Unset = UNSET
    tasks: list[TaskIn] | None | Unset = UNSET
    updated_at: None | str | Unset = UNSET
    validate: None | str | Unset | ValidateIn = UNSET
    webhook: None | str | Unset | WebhookIn = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.aggregate_in import AggregateIn  # noqa: PLC0415
        from ..models.attachments_in import AttachmentsIn  # noqa: PLC0415
        from ..models.budget_in import BudgetIn  # noqa: PLC0415
        from ..models.files_in import FilesIn  # noqa: PLC0415
        from ..models.formats_in import FormatsIn  # noqa: PLC0415
        from ..models.graph_in_output_schema_type_0 import GraphInOutputSchemaType0  # noqa: PLC0415
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.map_in import MapIn  # noqa: PLC0415
        from ..models.routing_in import RoutingIn  # noqa: PLC0415
        from ..models.rows_in import RowsIn  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415
        from ..models.validate_in import ValidateIn  # noqa: PLC0415
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        agent: None | str | Unset
        if isinstance(self.agent, Unset):
            agent = UNSET
        else:
            agent = self.agent

        aggregate: dict[str, Any] | None | str | Unset
        if isinstance(self.aggregate, Unset):
            aggregate = UNSET
        elif isinstance(self.aggregate, AggregateIn):
            aggregate = self.aggregate.to_dict()
        else:
            aggregate = self.aggregate

        attachments: dict[str, Any] | None | Unset
        if isinstance(self.attachments, Unset):
            attachments = UNSET
        elif isinstance(self.attachments, AttachmentsIn):
            attachments = self.attachments.to_dict()
        else:
            attachments = self.attachments

        budget: dict[str, Any] | None | Unset
        if isinstance(self.budget, Unset):
            budget = UNSET
        elif isinstance(self.budget, BudgetIn):
            budget = self.budget.to_dict()
        else:
            budget = self.budget

        context_window: int | None | Unset
        if isinstance(self.context_window, Unset):
            context_window = UNSET
        else:
            context_window = self.context_window

        created_at: None | str | Unset
        if isinstance(self.created_at, Unset):
            created_at = UNSET
        else:
            created_at = self.created_at

        decompose: dict[str, Any] | None | Unset
        if isinstance(self.decompose, Unset):
            decompose = UNSET
        elif isinstance(self.decompose, RowsIn):
            decompose = self.decompose.to_dict()
        elif isinstance(self.decompose, FilesIn):
            decompose = self.decompose.to_dict()
        elif isinstance(self.decompose, FormatsIn):
            decompose = self.decompose.to_dict()
        elif isinstance(self.decompose, MapIn):
            decompose = self.decompose.to_dict()
        else:
            decompose = self.decompose

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        goal: list[dict[str, Any]] | None | str | Unset
        if isinstance(self.goal, Unset):
            goal = UNSET
        elif isinstance(self.goal, list):
            goal = []
            for goal_type_1_item_data in self.goal:
                goal_type_1_item: dict[str, Any]
                if isinstance(goal_type_1_item_data, TextPart):
                    goal_type_1_item = goal_type_1_item_data.to_dict()
                elif isinstance(goal_type_1_item_data, ImagePart):
                    goal_type_1_item = goal_type_1_item_data.to_dict()
                else:
                    goal_type_1_item = goal_type_1_item_data.to_dict()

                goal.append(goal_type_1_item)

        else:
            goal = self.goal

        graph_id: None | str | Unset
        if isinstance(self.graph_id, Unset):
            graph_id = UNSET
        else:
            graph_id = self.graph_id

        layout = self.layout

        limits: dict[str, Any] | Unset = UNSET
        if not isinstance(self.limits, Unset):
            limits = self.limits.to_dict()

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        min_success_rate = self.min_success_rate

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        on_task_failure: str | Unset = UNSET
        if not isinstance(self.on_task_failure, Unset):
            on_task_failure = self.on_task_failure.value

        output_schema: dict[str, Any] | None | Unset
        if isinstance(self.output_schema, Unset):
            output_schema = UNSET
        elif isinstance(self.output_schema, GraphInOutputSchemaType0):
            output_schema = self.output_schema.to_dict()
        else:
            output_schema = self.output_schema

        planner: None | str | Unset
        if isinstance(self.planner, Unset):
            planner = UNSET
        elif isinstance(self.planner, GraphInPlannerType0):
            planner = self.planner.value
        else:
            planner = self.planner

        retry: dict[str, Any] | Unset = UNSET
        if not isinstance(self.retry, Unset):
            retry = self.retry.to_dict()

        revision: int | None | Unset
        if isinstance(self.revision, Unset):
            revision = UNSET
        else:
            revision = self.revision

        routing: dict[str, Any] | None | Unset
        if isinstance(self.routing, Unset):
            routing = UNSET
        elif isinstance(self.routing, RoutingIn):
            routing = self.routing.to_dict()
        else:
            routing = self.routing

        shared_context: None | str | Unset
        if isinstance(self.shared_context, Unset):
            shared_context = UNSET
        else:
            shared_context = self.shared_context

        start_at: None | str | Unset
        if isinstance(self.start_at, Unset):
            start_at = UNSET
        else:
            start_at = self.start_at

        system_prompt: None | str | Unset
        if isinstance(self.system_prompt, Unset):
            system_prompt = UNSET
        else:
            system_prompt = self.system_prompt

        tasks: list[dict[str, Any]] | None | Unset
        if isinstance(self.tasks, Unset):
            tasks = UNSET
        elif isinstance(self.tasks, list):
            tasks = []
            for tasks_type_0_item_data in self.tasks:
                tasks_type_0_item = tasks_type_0_item_data.to_dict()
                tasks.append(tasks_type_0_item)

        else:
            tasks = self.tasks

        updated_at: None | str | Unset
        if isinstance(self.updated_at, Unset):
            updated_at = UNSET
        else:
            updated_at = self.updated_at

        validate: dict[str, Any] | None | str | Unset
        if isinstance(self.validate, Unset):
            validate = UNSET
        elif isinstance(self.validate, ValidateIn):
            validate = self.validate.to_dict()
        else:
            validate = self.validate

        webhook: dict[str, Any] | None | str | Unset
        if isinstance(self.webhook, Unset):
            webhook = UNSET
        elif isinstance(self.webhook, WebhookIn):
            webhook = self.webhook.to_dict()
        else:
            webhook = self.webhook

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if agent is not UNSET:
            field_dict["agent"] = agent
        if aggregate is not UNSET:
            field_dict["aggregate"] = aggregate
        if attachments is not UNSET:
            field_dict["attachments"] = attachments
        if budget is not UNSET:
            field_dict["budget"] = budget
        if context_window is not UNSET:
            field_dict["context_window"] = context_window
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if decompose is not UNSET:
            field_dict["decompose"] = decompose
        if description is not UNSET:
            field_dict["description"] = description
        if goal is not UNSET:
            field_dict["goal"] = goal
        if graph_id is not UNSET:
            field_dict["graph_id"] = graph_id
        if layout is not UNSET:
            field_dict["layout"] = layout
        if limits is not UNSET:
            field_dict["limits"] = limits
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if min_success_rate is not UNSET:
            field_dict["min_success_rate"] = min_success_rate
        if model is not UNSET:
            field_dict["model"] = model
        if name is not UNSET:
            field_dict["name"] = name
        if on_task_failure is not UNSET:
            field_dict["on_task_failure"] = on_task_failure
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if planner is not UNSET:
            field_dict["planner"] = planner
        if retry is not UNSET:
            field_dict["retry"] = retry
        if revision is not UNSET:
            field_dict["revision"] = revision
        if routing is not UNSET:
            field_dict["routing"] = routing
        if shared_context is not UNSET:
            field_dict["shared_context"] = shared_context
        if start_at is not UNSET:
            field_dict["start_at"] = start_at
        if system_prompt is not UNSET:
            field_dict["system_prompt"] = system_prompt
        if tasks is not UNSET:
            field_dict["tasks"] = tasks
        if updated_at is not UNSET:
            field_dict["updated_at"] = updated_at
        if validate is not UNSET:
            field_dict["validate"] = validate
        if webhook is not UNSET:
            field_dict["webhook"] = webhook

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aggregate_in import AggregateIn  # noqa: PLC0415
        from ..models.attachments_in import AttachmentsIn  # noqa: PLC0415
        from ..models.budget_in import BudgetIn  # noqa: PLC0415
        from ..models.files_in import FilesIn  # noqa: PLC0415
        from ..models.formats_in import FormatsIn  # noqa: PLC0415
        from ..models.graph_in_metadata import GraphInMetadata  # noqa: PLC0415
        from ..models.graph_in_output_schema_type_0 import GraphInOutputSchemaType0  # noqa: PLC0415
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.limits_in import LimitsIn  # noqa: PLC0415
        from ..models.map_in import MapIn  # noqa: PLC0415
        from ..models.retry_in import RetryIn  # noqa: PLC0415
        from ..models.routing_in import RoutingIn  # noqa: PLC0415
        from ..models.rows_in import RowsIn  # noqa: PLC0415
        from ..models.task_in import TaskIn  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415
        from ..models.validate_in import ValidateIn  # noqa: PLC0415
        from ..models.video_part import VideoPart  # noqa: PLC0415
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_agent(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        agent = _parse_agent(d.pop("agent", UNSET))

        def _parse_aggregate(data: object) -> AggregateIn | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                aggregate_type_0 = AggregateIn.from_dict(data)

                return aggregate_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AggregateIn | None | str | Unset, data)

        aggregate = _parse_aggregate(d.pop("aggregate", UNSET))

        def _parse_attachments(data: object) -> AttachmentsIn | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                attachments_type_0 = AttachmentsIn.from_dict(data)

                return attachments_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AttachmentsIn | None | Unset, data)

        attachments = _parse_attachments(d.pop("attachments", UNSET))

        def _parse_budget(data: object) -> BudgetIn | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                budget_type_0 = BudgetIn.from_dict(data)

                return budget_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BudgetIn | None | Unset, data)

        budget = _parse_budget(d.pop("budget", UNSET))

        def _parse_context_window(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        context_window = _parse_context_window(d.pop("context_window", UNSET))

        def _parse_created_at(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        created_at = _parse_created_at(d.pop("created_at", UNSET))

        def _parse_decompose(data: object) -> FilesIn | FormatsIn | MapIn | None | RowsIn | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                decompose_type_0_type_0 = RowsIn.from_dict(data)

                return decompose_type_0_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                decompose_type_0_type_1 = FilesIn.from_dict(data)

                return decompose_type_0_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                decompose_type_0_type_2 = FormatsIn.from_dict(data)

                return decompose_type_0_type_2
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                decompose_type_0_type_3 = MapIn.from_dict(data)

                return decompose_type_0_type_3
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FilesIn | FormatsIn | MapIn | None | RowsIn | Unset, data)

        decompose = _parse_decompose(d.pop("decompose", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_goal(data: object) -> list[ImagePart | TextPart | VideoPart] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                goal_type_1 = []
                _goal_type_1 = data
                for goal_type_1_item_data in _goal_type_1:

                    def _parse_goal_type_1_item(data: object) -> ImagePart | TextPart | VideoPart:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            goal_type_1_item_type_0 = TextPart.from_dict(data)

                            return goal_type_1_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            goal_type_1_item_type_1 = ImagePart.from_dict(data)

                            return goal_type_1_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        if not isinstance(data, dict):
                            raise TypeError()
                        goal_type_1_item_type_2 = VideoPart.from_dict(data)

                        return goal_type_1_item_type_2

                    goal_type_1_item = _parse_goal_type_1_item(goal_type_1_item_data)

                    goal_type_1.append(goal_type_1_item)

                return goal_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[ImagePart | TextPart | VideoPart] | None | str | Unset, data)

        goal = _parse_goal(d.pop("goal", UNSET))

        def _parse_graph_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        graph_id = _parse_graph_id(d.pop("graph_id", UNSET))

        layout = d.pop("layout", UNSET)

        _limits = d.pop("limits", UNSET)
        limits: LimitsIn | Unset
        if isinstance(_limits, Unset):
            limits = UNSET
        else:
            limits = LimitsIn.from_dict(_limits)

        _metadata = d.pop("metadata", UNSET)
        metadata: GraphInMetadata | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = GraphInMetadata.from_dict(_metadata)

        min_success_rate = d.pop("min_success_rate", UNSET)

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        _on_task_failure = d.pop("on_task_failure", UNSET)
        on_task_failure: GraphInOnTaskFailure | Unset
        if isinstance(_on_task_failure, Unset):
            on_task_failure = UNSET
        else:
            on_task_failure = GraphInOnTaskFailure(_on_task_failure)

        def _parse_output_schema(data: object) -> GraphInOutputSchemaType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                output_schema_type_0 = GraphInOutputSchemaType0.from_dict(data)

                return output_schema_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(GraphInOutputSchemaType0 | None | Unset, data)

        output_schema = _parse_output_schema(d.pop("output_schema", UNSET))

        def _parse_planner(data: object) -> GraphInPlannerType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                planner_type_0 = GraphInPlannerType0(data)

                return planner_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(GraphInPlannerType0 | None | Unset, data)

        planner = _parse_planner(d.pop("planner", UNSET))

        _retry = d.pop("retry", UNSET)
        retry: RetryIn | Unset
        if isinstance(_retry, Unset):
            retry = UNSET
        else:
            retry = RetryIn.from_dict(_retry)

        def _parse_revision(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        revision = _parse_revision(d.pop("revision", UNSET))

        def _parse_routing(data: object) -> None | RoutingIn | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                routing_type_0 = RoutingIn.from_dict(data)

                return routing_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RoutingIn | Unset, data)

        routing = _parse_routing(d.pop("routing", UNSET))

        def _parse_shared_context(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        shared_context = _parse_shared_context(d.pop("shared_context", UNSET))

        def _parse_start_at(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        start_at = _parse_start_at(d.pop("start_at", UNSET))

        def _parse_system_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        system_prompt = _parse_system_prompt(d.pop("system_prompt", UNSET))

        def _parse_tasks(data: object) -> list[TaskIn] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tasks_type_0 = []
                _tasks_type_0 = data
                for tasks_type_0_item_data in _tasks_type_0:
                    tasks_type_0_item = TaskIn.from_dict(tasks_type_0_item_data)

                    tasks_type_0.append(tasks_type_0_item)

                return tasks_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[TaskIn] | None | Unset, data)

        tasks = _parse_tasks(d.pop("tasks", UNSET))

        def _parse_updated_at(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        updated_at = _parse_updated_at(d.pop("updated_at", UNSET))

        def _parse_validate(data: object) -> None | str | Unset | ValidateIn:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                validate_type_0 = ValidateIn.from_dict(data)

                return validate_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | str | Unset | ValidateIn, data)

        validate = _parse_validate(d.pop("validate", UNSET))

        def _parse_webhook(data: object) -> None | str | Unset | WebhookIn:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                webhook_type_1 = WebhookIn.from_dict(data)

                return webhook_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | str | Unset | WebhookIn, data)

        webhook = _parse_webhook(d.pop("webhook", UNSET))

        graph_in = cls(
            agent=agent,
            aggregate=aggregate,
            attachments=attachments,
            budget=budget,
            context_window=context_window,
            created_at=created_at,
            decompose=decompose,
            description=description,
            goal=goal,
            graph_id=graph_id,
            layout=layout,
            limits=limits,
            metadata=metadata,
            min_success_rate=min_success_rate,
            model=model,
            name=name,
            on_task_failure=on_task_failure,
            output_schema=output_schema,
            planner=planner,
            retry=retry,
            revision=revision,
            routing=routing,
            shared_context=shared_context,
            start_at=start_at,
            system_prompt=system_prompt,
            tasks=tasks,
            updated_at=updated_at,
            validate=validate,
            webhook=webhook,
        )

        return graph_in
