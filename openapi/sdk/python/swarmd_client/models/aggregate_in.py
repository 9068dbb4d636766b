from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.aggregate_in_tie_type_0 import AggregateInTieType0
from ..models.aggregate_in_weights_type_0 import AggregateInWeightsType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.aggregate_in_output_schema_type_0 import AggregateInOutputSchemaType0


T = TypeVar("T", bound="AggregateIn")


@_attrs_define
class AggregateIn:
    """The strategy and its options; an option that the strategy has no use for is refused.

    Attributes:
        strategy (str): One of by_role, concat, consensus, first_past_the_post, hierarchical, majority, none, synthesis,
            weighted_consensus, weighted_voting
        batch_size (int | None | Unset): hierarchical: outputs merged at once, at most
        checkpoint_every (int | None | Unset): Completions between two partial merges; default: none are made
        field (None | str | Unset): Votes: dot path of the value in each output that is voted on and returned; default:
            all of it
        model (None | str | Unset): hierarchical, synthesis: who merges
        output_schema (AggregateInOutputSchemaType0 | None | Unset): hierarchical, synthesis: JSON Schema of the merged
            value
        prompt (None | str | Unset): hierarchical, synthesis: what the model is told to do
        threshold (float | None | Unset): Share of the votes that wins: consensus and weighted_consensus (default 2/3),
            majority (from 0.5)
        tie (AggregateInTieType0 | None | Unset): Votes: of equals wins whose first voter comes first in the request
            (default), or none
        votes_needed (int | None | Unset): first_past_the_post: the first answer to get so many votes wins
        weights (AggregateInWeightsType0 | None | Unset): Weighted votes: by the task's weight (default), its score, or
            the confidence the output states
    """

    strategy: str
    batch_size: int | None | Unset = UNSET
    checkpoint_every: int | None | Unset = UNSET
    field: None | str | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: AggregateInOutputSchemaType0 | None | Unset = UNSET
    prompt: None | str | Unset = UNSET
    threshold: float | None | Unset = UNSET
    tie: AggregateInTieType0 | None | Unset = UNSET
    votes_needed: int | None | Unset = UNSET
    weights: AggregateInWeightsType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.aggregate_in_output_schema_type_0 import (
            AggregateInOutputSchemaType0,  # noqa: PLC0415
        )

        strategy = self.strategy

        batch_size: int | None | Unset
        if isinstance(self.batch_size, Unset):
            batch_size = UNSET
        else:
            batch_size = self.batch_size

        checkpoint_every: int | None | Unset
        if isinstance(self.checkpoint_every, Unset):
            checkpoint_every = UNSET
        else:
            checkpoint_every = self.checkpoint_every

        field: None | str | Unset
        if isinstance(self.field, Unset):
            field = UNSET
        else:
            field = self.field

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        output_schema: dict[str, Any] | None | Unset
        if isinstance(self.output_schema, Unset):
            output_schema = UNSET
        elif isinstance(self.output_schema, AggregateInOutputSchemaType0):
            output_schema = self.output_schema.to_dict()
        else:
            output_schema = self.output_schema

        prompt: None | str | Unset
        if isinstance(self.prompt, Unset):
            prompt = UNSET
        else:
            prompt = self.prompt

        threshold: float | None | Unset
        if isinstance(self.threshold, Unset):
            threshold = UNSET
        else:
            threshold = self.threshold

        tie: None | str | Unset
        if isinstance(self.tie, Unset):
            tie = UNSET
        elif isinstance(self.tie, AggregateInTieType0):
            tie = self.tie.value
        else:
            tie = self.tie

        votes_needed: int | None | Unset
        if isinstance(self.votes_needed, Unset):
            votes_needed = UNSET
        else:
            votes_needed = self.votes_needed

        weights: None | str | Unset
        if isinstance(self.weights, Unset):
            weights = UNSET
        elif isinstance(self.weights, AggregateInWeightsType0):
            weights = self.weights.value
        else:
            weights = self.weights

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "strategy": strategy,
            }
        )
        if batch_size is not UNSET:
            field_dict["batch_size"] = batch_size
        if checkpoint_every is not UNSET:
            field_dict["checkpoint_every"] = checkpoint_every
        if field is not UNSET:
            field_dict["field"] = field
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if threshold is not UNSET:
            field_dict["threshold"] = threshold
        if tie is not UNSET:
            field_dict["tie"] = tie
        if votes_needed is not UNSET:
            field_dict["votes_needed"] = votes_needed
        if weights is not UNSET:
            field_dict["weights"] = weights

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aggregate_in_output_schema_type_0 import (
            AggregateInOutputSchemaType0,  # noqa: PLC0415
        )

        d = dict(src_dict)
        strategy = d.pop("strategy")

        def _parse_batch_size(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        batch_size = _parse_batch_size(d.pop("batch_size", UNSET))

        def _parse_checkpoint_every(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        checkpoint_every = _parse_checkpoint_every(d.pop("checkpoint_every", UNSET))

        def _parse_field(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        field = _parse_field(d.pop("field", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_output_schema(data: object) -> AggregateInOutputSchemaType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                output_schema_type_0 = AggregateInOutputSchemaType0.from_dict(data)

                return output_schema_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AggregateInOutputSchemaType0 | None | Unset, data)

        output_schema = _parse_output_schema(d.pop("output_schema", UNSET))

        def _parse_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        prompt = _parse_prompt(d.pop("prompt", UNSET))

        def _parse_threshold(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        threshold = _parse_threshold(d.pop("threshold", UNSET))

        def _parse_tie(data: object) -> AggregateInTieType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tie_type_0 = AggregateInTieType0(data)

                return tie_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AggregateInTieType0 | None | Unset, data)

        tie = _parse_tie(d.pop("tie", UNSET))

        def _parse_votes_needed(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        votes_needed = _parse_votes_needed(d.pop("votes_needed", UNSET))

        def _parse_weights(data: object) -> AggregateInWeightsType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                weights_type_0 = AggregateInWeightsType0(data)

                return weights_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AggregateInWeightsType0 | None | Unset, data)

        weights = _parse_weights(d.pop("weights", UNSET))

        aggregate_in = cls(
            strategy=strategy,
            batch_size=batch_size,
            checkpoint_every=checkpoint_every,
            field=field,
            model=model,
            output_schema=output_schema,
            prompt=prompt,
            threshold=threshold,
            tie=tie,
            votes_needed=votes_needed,
            weights=weights,
        )

        return aggregate_in
