"""Roles on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from app.domain.roles import Role
from app.domain.routing_spec import Tier

_MAX_CHANGES = 1000
_MAX_PROMPT = 32_768


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected more than white space")
    return text


def _plain(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("expected printable characters, with no white space at either end")
    return text


RoleName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Tag = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_not_blank)]


class RoleIn(BaseModel):
    """A role, whole: what is left out is not kept from what it replaces."""

    model_config = ConfigDict(extra="forbid", strict=True)

    system_prompt: Annotated[str, AfterValidator(_not_blank)] = Field(
        min_length=1, max_length=_MAX_PROMPT, description="Comes before the task in every call of its sub-agents"
    )
    capability_tags: list[Tag] = Field(
        default_factory=list, max_length=100, description="What it is good at; its name counts as one more"
    )
    model: str | None = Field(None, min_length=1, max_length=200, description="Where neither task nor routing say")
    tier: Tier | None = Field(None, description="Where neither task nor routing say")

    def to_domain(self, name: str) -> Role:
        return Role(
            name=name,
            system_prompt=self.system_prompt,
            capability_tags=tuple(dict.fromkeys(self.capability_tags)),
            model=self.model,
            tier=self.tier,
        )


class RoleChanges(RootModel[Annotated[dict[RoleName, RoleIn | None], Field(max_length=_MAX_CHANGES)]]):
    """Roles by name; null removes an own one, which restores a built-in one. Roles that are not named stay."""

    def to_domain(self) -> dict[str, Role | None]:
        return {name: None if role is None else role.to_domain(name) for name, role in self.root.items()}


class RoleOut(BaseModel):
    name: str
    system_prompt: str
    capability_tags: list[str]
    model: str | None
    tier: Tier | None
    built_in: bool = Field(description="Comes with the service and was not replaced")


class RolePage(BaseModel):
    """All of them: the pool is small, so there is always one page."""

    items: list[RoleOut]
    next_cursor: None


def role_page_json(roles: Iterable[Role]) -> dict[str, Any]:
    items = [
        {
            "name": role.name,
            "system_prompt": role.system_prompt,
            "capability_tags": role.capability_tags,
            "model": role.model,
            "tier": role.tier,
            "built_in": role.built_in,
        }
        for role in roles
    ]
    return {"items": items, "next_cursor": None}
