"""Contains all the data models used in inputs/outputs"""

from .accepted import Accepted
from .agent_create import AgentCreate
from .agent_create_tools_type_0_item_type_1 import AgentCreateToolsType0ItemType1
from .agent_out import AgentOut
from .agent_page import AgentPage
from .agent_patch import AgentPatch
from .agent_patch_tools_type_0_item_type_1 import AgentPatchToolsType0ItemType1
from .agent_results import AgentResults
from .aggregate_in import AggregateIn
from .aggregate_in_output_schema_type_0 import AggregateInOutputSchemaType0
from .aggregate_in_tie_type_0 import AggregateInTieType0
from .aggregate_in_weights_type_0 import AggregateInWeightsType0
from .aggregation_out import AggregationOut
from .aggregation_out_votes_type_0_item import AggregationOutVotesType0Item
from .answering_swarm import AnsweringSwarm
from .artifact_out import ArtifactOut
from .artifact_page import ArtifactPage
from .attachments_in import AttachmentsIn
from .attempt_out import AttemptOut
from .audit_entry_out import AuditEntryOut
from .audit_entry_out_detail_type_0 import AuditEntryOutDetailType0
from .audit_page import AuditPage
from .barrier_execute import BarrierExecute
from .barrier_execute_dependency_check import BarrierExecuteDependencyCheck
from .barrier_executed import BarrierExecuted
from .barrier_executed_state import BarrierExecutedState
from .barrier_out import BarrierOut
from .barrier_out_state import BarrierOutState
from .batch_execute import BatchExecute
from .batch_execute_memory_strategy_type_0 import BatchExecuteMemoryStrategyType0
from .batch_out import BatchOut
from .blame_out import BlameOut
from .breaker_out import BreakerOut
from .breaker_out_state import BreakerOutState
from .budget_in import BudgetIn
from .budget_in_on_exceeded_type_0 import BudgetInOnExceededType0
from .budget_out import BudgetOut
from .budget_out_on_exceeded import BudgetOutOnExceeded
from .cancel_tasks import CancelTasks
from .cancel_tasks_states_type_0_item import CancelTasksStatesType0Item
from .chat_completion import ChatCompletion
from .chat_completion_choices_item import ChatCompletionChoicesItem
from .chat_completion_chunk import ChatCompletionChunk
from .chat_completion_chunk_choices_item import ChatCompletionChunkChoicesItem
from .chat_completion_create import ChatCompletionCreate
from .chat_completion_create_logit_bias_type_0 import ChatCompletionCreateLogitBiasType0
from .chat_completion_create_response_format_type_0 import (
    ChatCompletionCreateResponseFormatType0,
)
from .chat_completion_create_thinking_type_1 import ChatCompletionCreateThinkingType1
from .chat_completion_create_tool_choice_type_1 import (
    ChatCompletionCreateToolChoiceType1,
)
from .chat_completion_create_tools_type_0_item import ChatCompletionCreateToolsType0Item
from .chat_message import ChatMessage
from .chat_message_content_type_1_item import ChatMessageContentType1Item
from .chat_message_role import ChatMessageRole
from .chat_usage import ChatUsage
from .chat_usage_prompt_tokens_details import ChatUsagePromptTokensDetails
from .clear_memory import ClearMemory
from .cleared import Cleared
from .counts_out import CountsOut
from .credit_account import CreditAccount
from .credit_add import CreditAdd
from .credit_entry_added import CreditEntryAdded
from .credit_entry_out import CreditEntryOut
from .critical_path_out import CriticalPathOut
from .decompose_in import DecomposeIn
from .delivery_attempt_out import DeliveryAttemptOut
from .delivery_out import DeliveryOut
from .delivery_out_status import DeliveryOutStatus
from .delivery_out_type import DeliveryOutType
from .delivery_page import DeliveryPage
from .delivery_status import DeliveryStatus
from .entry_kind import EntryKind
from .event_out import EventOut
from .event_page import EventPage
from .execute import Execute
from .execute_output_schema_type_0 import ExecuteOutputSchemaType0
from .execute_priority_name import ExecutePriorityName
from .execute_tier_type_0 import ExecuteTierType0
from .execute_tools_type_0_item_type_1 import ExecuteToolsType0ItemType1
from .executed import Executed
from .export_swarm_format import ExportSwarmFormat
from .export_swarm_kind import ExportSwarmKind
from .file_in import FileIn
from .file_out import FileOut
from .file_page import FilePage
from .files_in import FilesIn
from .files_in_priority_name import FilesInPriorityName
from .files_in_tier_type_0 import FilesInTierType0
from .forecast_tokens_out import ForecastTokensOut
from .fork_task import ForkTask
from .fork_task_output_schema_type_0 import ForkTaskOutputSchemaType0
from .fork_task_tier_type_0 import ForkTaskTierType0
from .fork_tasks import ForkTasks
from .format_in import FormatIn
from .formats_in import FormatsIn
from .formats_in_priority_name import FormatsInPriorityName
from .formats_in_tier_type_0 import FormatsInTierType0
from .graph_edge import GraphEdge
from .graph_in import GraphIn
from .graph_in_metadata import GraphInMetadata
from .graph_in_on_task_failure import GraphInOnTaskFailure
from .graph_in_output_schema_type_0 import GraphInOutputSchemaType0
from .graph_in_planner_type_0 import GraphInPlannerType0
from .graph_listed_out import GraphListedOut
from .graph_node import GraphNode
from .graph_out import GraphOut
from .graph_page import GraphPage
from .graph_problem_out import GraphProblemOut
from .graph_run import GraphRun
from .graph_run_inputs import GraphRunInputs
from .graph_run_metadata import GraphRunMetadata
from .graph_validation_out import GraphValidationOut
from .health import Health
from .image_part import ImagePart
from .image_url import ImageUrl
from .image_url_detail_type_0 import ImageUrlDetailType0
from .invalid_field import InvalidField
from .key_change import KeyChange
from .key_create import KeyCreate
from .key_create_scopes_item import KeyCreateScopesItem
from .key_minted import KeyMinted
from .key_minted_scopes_item import KeyMintedScopesItem
from .key_out import KeyOut
from .key_out_scopes_item import KeyOutScopesItem
from .key_page import KeyPage
from .key_rotate import KeyRotate
from .limits_in import LimitsIn
from .list_artifacts_versions import ListArtifactsVersions
from .map_in import MapIn
from .map_in_priority_name import MapInPriorityName
from .map_in_tier_type_0 import MapInTierType0
from .memory_out import MemoryOut
from .memory_page import MemoryPage
from .memory_put import MemoryPut
from .message_ack import MessageAck
from .message_acked import MessageAcked
from .message_in import MessageIn
from .message_out import MessageOut
from .message_page import MessagePage
from .model import Model
from .model_forecast_out import ModelForecastOut
from .model_list import ModelList
from .model_usage_out import ModelUsageOut
from .open_ai_error import OpenAIError
from .open_ai_error_envelope import OpenAIErrorEnvelope
from .output_out import OutputOut
from .price_changes import PriceChanges
from .price_in import PriceIn
from .price_out import PriceOut
from .price_out_source import PriceOutSource
from .price_table_out import PriceTableOut
from .problem import Problem
from .provider_list import ProviderList
from .provider_model import ProviderModel
from .provider_out import ProviderOut
from .readiness import Readiness
from .readiness_broker_type_0 import ReadinessBrokerType0
from .results_out import ResultsOut
from .retry_in import RetryIn
from .retry_tasks import RetryTasks
from .retry_tasks_states_item import RetryTasksStatesItem
from .role_changes import RoleChanges
from .role_in import RoleIn
from .role_in_tier_type_0 import RoleInTierType0
from .role_out import RoleOut
from .role_out_tier_type_0 import RoleOutTierType0
from .role_page import RolePage
from .routing_in import RoutingIn
from .routing_in_prefer import RoutingInPrefer
from .rows_in import RowsIn
from .rows_in_priority_name import RowsInPriorityName
from .rows_in_tier_type_0 import RowsInTierType0
from .rule_in import RuleIn
from .rule_in_tier_type_0 import RuleInTierType0
from .secret_out import SecretOut
from .simulation_out import SimulationOut
from .simulation_out_per_model import SimulationOutPerModel
from .snapshot_out import SnapshotOut
from .spawn import Spawn
from .spawn_input_data import SpawnInputData
from .spawn_priority_name import SpawnPriorityName
from .spawned import Spawned
from .step_out import StepOut
from .step_out_record import StepOutRecord
from .stream_options import StreamOptions
from .sub_agent_out import SubAgentOut
from .summary_out import SummaryOut
from .summary_out_failures_item import SummaryOutFailuresItem
from .swarm_config_in import SwarmConfigIn
from .swarm_config_out import SwarmConfigOut
from .swarm_create import SwarmCreate
from .swarm_create_metadata import SwarmCreateMetadata
from .swarm_create_on_task_failure import SwarmCreateOnTaskFailure
from .swarm_create_output_schema_type_0 import SwarmCreateOutputSchemaType0
from .swarm_create_planner_type_0 import SwarmCreatePlannerType0
from .swarm_created import SwarmCreated
from .swarm_created_metadata import SwarmCreatedMetadata
from .swarm_created_pause_reason_type_0 import SwarmCreatedPauseReasonType0
from .swarm_created_tokens import SwarmCreatedTokens
from .swarm_graph_out import SwarmGraphOut
from .swarm_in_page import SwarmInPage
from .swarm_in_page_metadata import SwarmInPageMetadata
from .swarm_in_page_pause_reason_type_0 import SwarmInPagePauseReasonType0
from .swarm_in_page_tokens import SwarmInPageTokens
from .swarm_out import SwarmOut
from .swarm_out_metadata import SwarmOutMetadata
from .swarm_out_pause_reason_type_0 import SwarmOutPauseReasonType0
from .swarm_out_tokens import SwarmOutTokens
from .swarm_page import SwarmPage
from .swarm_patch import SwarmPatch
from .swarm_patch_priority_name import SwarmPatchPriorityName
from .swarm_status import SwarmStatus
from .swarm_usage_out import SwarmUsageOut
from .task_detail_out import TaskDetailOut
from .task_detail_out_input import TaskDetailOutInput
from .task_detail_out_routing import TaskDetailOutRouting
from .task_error_out import TaskErrorOut
from .task_in import TaskIn
from .task_in_output_schema_type_0 import TaskInOutputSchemaType0
from .task_in_priority_name import TaskInPriorityName
from .task_in_tier_type_0 import TaskInTierType0
from .task_in_tools_type_0_item_type_1 import TaskInToolsType0ItemType1
from .task_out import TaskOut
from .task_page import TaskPage
from .task_status import TaskStatus
from .text_part import TextPart
from .ticket import Ticket
from .tiers_in import TiersIn
from .tool_list import ToolList
from .tool_out import ToolOut
from .tool_out_parameters import ToolOutParameters
from .upload_file_files_body import UploadFileFilesBody
from .usage_group import UsageGroup
from .usage_item import UsageItem
from .usage_out import UsageOut
from .usage_page import UsagePage
from .usage_sums import UsageSums
from .validate_graph_body import ValidateGraphBody
from .validate_in import ValidateIn
from .video_part import VideoPart
from .video_url import VideoUrl
from .webhook_data import WebhookData
from .webhook_data_metadata import WebhookDataMetadata
from .webhook_data_pause_reason_type_0 import WebhookDataPauseReasonType0
from .webhook_data_tokens import WebhookDataTokens
from .webhook_in import WebhookIn
from .webhook_in_events_item import WebhookInEventsItem
from .webhook_message import WebhookMessage
from .webhook_message_type import WebhookMessageType
from .work_task import WorkTask
from .work_task_output_schema_type_0 import WorkTaskOutputSchemaType0
from .work_task_priority_name import WorkTaskPriorityName
from .work_task_tier_type_0 import WorkTaskTierType0
from .work_task_tools_type_0_item_type_1 import WorkTaskToolsType0ItemType1

__all__ = (
    "Accepted",
    "AgentCreate",
    "AgentCreateToolsType0ItemType1",
    "AgentOut",
    "AgentPage",
    "AgentPatch",
    "AgentPatchToolsType0ItemType1",
    "AgentResults",
    "AggregateIn",
    "AggregateInOutputSchemaType0",
    "AggregateInTieType0",
    "AggregateInWeightsType0",
    "AggregationOut",
    "AggregationOutVotesType0Item",
    "AnsweringSwarm",
    "ArtifactOut",
    "ArtifactPage",
    "AttachmentsIn",
    "AttemptOut",
    "AuditEntryOut",
    "AuditEntryOutDetailType0",
    "AuditPage",
    "BarrierExecute",
    "BarrierExecuted",
    "BarrierExecuteDependencyCheck",
    "BarrierExecutedState",
    "BarrierOut",
    "BarrierOutState",
    "BatchExecute",
    "BatchExecuteMemoryStrategyType0",
    "BatchOut",
    "BlameOut",
    "BreakerOut",
    "BreakerOutState",
    "BudgetIn",
    "BudgetInOnExceededType0",
    "BudgetOut",
    "BudgetOutOnExceeded",
    "CancelTasks",
    "CancelTasksStatesType0Item",
    "ChatCompletion",
    "ChatCompletionChoicesItem",
    "ChatCompletionChunk",
    "ChatCompletionChunkChoicesItem",
    "ChatCompletionCreate",
    "ChatCompletionCreateLogitBiasType0",
    "ChatCompletionCreateResponseFormatType0",
    "ChatCompletionCreateThinkingType1",
    "ChatCompletionCreateToolChoiceType1",
    "ChatCompletionCreateToolsType0Item",
    "ChatMessage",
    "ChatMessageContentType1Item",
    "ChatMessageRole",
    "ChatUsage",
    "ChatUsagePromptTokensDetails",
    "Cleared",
    "ClearMemory",
    "CountsOut",
    "CreditAccount",
    "CreditAdd",
    "CreditEntryAdded",
    "CreditEntryOut",
    "CriticalPathOut",
    "DecomposeIn",
    "DeliveryAttemptOut",
    "DeliveryOut",
    "DeliveryOutStatus",
    "DeliveryOutType",
    "DeliveryPage",
    "DeliveryStatus",
    "EntryKind",
    "EventOut",
    "EventPage",
    "Execute",
    "Executed",
    "ExecuteOutputSchemaType0",
    "ExecutePriorityName",
    "ExecuteTierType0",
    "ExecuteToolsType0ItemType1",
    "ExportSwarmFormat",
    "ExportSwarmKind",
    "FileIn",
    "FileOut",
    "FilePage",
    "FilesIn",
    "FilesInPriorityName",
    "FilesInTierType0",
    "ForecastTokensOut",
    "ForkTask",
    "ForkTaskOutputSchemaType0",
    "ForkTasks",
    "ForkTaskTierType0",
    "FormatIn",
    "FormatsIn",
    "FormatsInPriorityName",
    "FormatsInTierType0",
    "GraphEdge",
    "GraphIn",
    "GraphInMetadata",
    "GraphInOnTaskFailure",
    "GraphInOutputSchemaType0",
    "GraphInPlannerType0",
    "GraphListedOut",
    "GraphNode",
    "GraphOut",
    "GraphPage",
    "GraphProblemOut",
    "GraphRun",
    "GraphRunInputs",
    "GraphRunMetadata",
    "GraphValidationOut",
    "Health",
    "ImagePart",
    "ImageUrl",
    "ImageUrlDetailType0",
    "InvalidField",
    "KeyChange",
    "KeyCreate",
    "KeyCreateScopesItem",
    "KeyMinted",
    "KeyMintedScopesItem",
    "KeyOut",
    "KeyOutScopesItem",
    "KeyPage",
    "KeyRotate",
    "LimitsIn",
    "ListArtifactsVersions",
    "MapIn",
    "MapInPriorityName",
    "MapInTierType0",
    "MemoryOut",
    "MemoryPage",
    "MemoryPut",
    "MessageAck",
    "MessageAcked",
    "MessageIn",
    "MessageOut",
    "MessagePage",
    "Model",
    "ModelForecastOut",
    "ModelList",
    "ModelUsageOut",
    "OpenAIError",
    "OpenAIErrorEnvelope",
    "OutputOut",
    "PriceChanges",
    "PriceIn",
    "PriceOut",
    "PriceOutSource",
    "PriceTableOut",
    "Problem",
    "ProviderList",
    "ProviderModel",
    "ProviderOut",
    "Readiness",
    "ReadinessBrokerType0",
    "ResultsOut",
    "RetryIn",
    "RetryTasks",
    "RetryTasksStatesItem",
    "RoleChanges",
    "RoleIn",
    "RoleInTierType0",
    "RoleOut",
    "RoleOutTierType0",
    "RolePage",
    "RoutingIn",
    "RoutingInPrefer",
    "RowsIn",
    "RowsInPriorityName",
    "RowsInTierType0",
    "RuleIn",
    "RuleInTierType0",
    "SecretOut",
    "SimulationOut",
    "SimulationOutPerModel",
    "SnapshotOut",
    "Spawn",
    "Spawned",
    "SpawnInputData",
    "SpawnPriorityName",
    "StepOut",
    "StepOutRecord",
    "StreamOptions",
    "SubAgentOut",
    "SummaryOut",
    "SummaryOutFailuresItem",
    "SwarmConfigIn",
    "SwarmConfigOut",
    "SwarmCreate",
    "SwarmCreated",
    "SwarmCreatedMetadata",
    "SwarmCreatedPauseReasonType0",
    "SwarmCreatedTokens",
    "SwarmCreateMetadata",
    "SwarmCreateOnTaskFailure",
    "SwarmCreateOutputSchemaType0",
    "SwarmCreatePlannerType0",
    "SwarmGraphOut",
    "SwarmInPage",
    "SwarmInPageMetadata",
    "SwarmInPagePauseReasonType0",
    "SwarmInPageTokens",
    "SwarmOut",
    "SwarmOutMetadata",
    "SwarmOutPauseReasonType0",
    "SwarmOutTokens",
    "SwarmPage",
    "SwarmPatch",
    "SwarmPatchPriorityName",
    "SwarmStatus",
    "SwarmUsageOut",
    "TaskDetailOut",
    "TaskDetailOutInput",
    "TaskDetailOutRouting",
    "TaskErrorOut",
    "TaskIn",
    "TaskInOutputSchemaType0",
    "TaskInPriorityName",
    "TaskInTierType0",
    "TaskInToolsType0ItemType1",
    "TaskOut",
    "TaskPage",
    "TaskStatus",
    "TextPart",
    "Ticket",
    "TiersIn",
    "ToolList",
    "ToolOut",
    "ToolOutParameters",
    "UploadFileFilesBody",
    "UsageGroup",
    "UsageItem",
    "UsageOut",
    "UsagePage",
    "UsageSums",
    "ValidateGraphBody",
    "ValidateIn",
    "VideoPart",
    "VideoUrl",
    "WebhookData",
    "WebhookDataMetadata",
    "WebhookDataPauseReasonType0",
    "WebhookDataTokens",
    "WebhookIn",
    "WebhookInEventsItem",
    "WebhookMessage",
    "WebhookMessageType",
    "WorkTask",
    "WorkTaskOutputSchemaType0",
    "WorkTaskPriorityName",
    "WorkTaskTierType0",
    "WorkTaskToolsType0ItemType1",
)
