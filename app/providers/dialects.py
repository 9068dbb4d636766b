"""What vendors understand beyond the common wire format: how a model is told to think, and asked for JSON of a schema.

Nothing is sent that a vendor is not known to take, since strict ones refuse the whole request. Where a model cannot be
told, or not wholly, a remark says so, which ends up in the explanation of why a task got its model.

Sources, as read on 2026-11-21:

- Moonshot (platform.kimi.ai/docs/api/models-overview, .../docs/guide/use-thinking-effort, 2026): ``kimi-k2.5`` and
  ``kimi-k2.6`` think unless told ``thinking: {"type": "disabled"}``; ``kimi-k2-thinking…`` and ``kimi-k2.7-code…``
  always do; ``kimi-k3…`` always do, with ``reasoning_effort`` low, high or max (max unless told).
  ``response_format`` takes ``json_schema`` by platform.kimi.ai/docs/openapi.json (2026-08), but ``kimi-k2.5`` was seen
  not to keep to it (vercel/ai issue 12871, 2026-06), and the JSON mode guide knows ``json_object`` alone.
- DeepSeek (api-docs.deepseek.com/guides/thinking_mode, 2026): ``thinking: {"type": "enabled" | "disabled"}``, enabled
  unless told. ``deepseek-chat`` and ``deepseek-reasoner`` are older names of one model, told not to think and told to.
  Of formats it has ``json_object`` alone (api-docs.deepseek.com/guides/json_mode, 2026).
- OpenAI (developers.openai.com/api/docs/guides/reasoning, 2026, and the table of community.openai.com topic 1371738):
  ``reasoning_effort``; ``none`` from gpt-5.1 on but not for codex, and refused again by some of gpt-6; low and high by
  all but the ``chat`` and ``search`` models, which take no effort, and ``pro``, which only takes high. From gpt-5.4 on
  chat completions refuse it beside tools ("Function tools with reasoning_effort are not supported").
- vLLM (docs.vllm.ai/en/v0.26.0/features/reasoning_outputs, 2026): ``chat_template_kwargs`` reach the chat template:
  ``enable_thinking`` for Qwen3, ``thinking`` for DeepSeek-V3.1. Qwen's own guide (qwen.readthedocs.io, quickstart):
  the ``…-2507`` releases think always or never.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from app.ports.provider import UNKNOWN_THINKING, Structured, Thinking
from app.providers.prices import is_ours

Dialect = Literal["openai", "moonshot", "deepseek", "self_hosted", "generic"]
ThinkingBy = Literal["thinking", "reasoning_effort", "chat_template_kwargs", "nothing"]

_HOSTS: dict[str, Dialect] = {
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.moonshot.ai": "moonshot",
    "api.moonshot.cn": "moonshot",
}

_KINDS: dict[str, Dialect] = {"openai": "openai", "deepseek": "deepseek", "moonshot": "moonshot"}

_KIMI_SWITCHED = re.compile(r"kimi-k2\.[56](?!\d)")
_KIMI_EFFORT = re.compile(r"kimi-k[3-9]")
_KIMI_ALWAYS = re.compile(r"kimi-(k2-thinking|k2\.\d+-code|thinking)")
_KIMI_SCHEMA = re.compile(r"kimi-k2\.([6-9]|\d\d)|kimi-k[3-9]|moonshot-v1-")

_OPENAI_REASONING = re.compile(r"(o[134](?!\d)|gpt-[5-9](?!\d))(?!.*-(chat|search|deep-research|image))")
_OPENAI_OLD_O1 = re.compile(r"o1-(mini|preview)")
_OPENAI_NONE = re.compile(r"gpt-5\.[1-5](-mini|-nano)?(-\d{4}-\d{2}-\d{2})?$")
_OPENAI_NO_TOOLS = re.compile(r"gpt-(5\.([4-9]|\d\d)|[6-9])")

_QWEN3 = re.compile(r"qwen-?3")
_QWEN3_FIXED = re.compile(r"2507|-instruct|-thinking|-coder")
_DEEPSEEK_TEMPLATE = re.compile(r"deepseek-v3\.[12]")

_ALWAYS_THINKS = "this model always thinks"
_NEVER_THINKS = "this model never thinks"
_LESS = "this model always thinks; it is told to think little"


def dialect_of(base_url: str, kind: str) -> Dialect:
    """Return what an endpoint understands: by the vendor's host, the operator's word, or whose host it is."""
    host = urlsplit(base_url).hostname or ""
    if host in _HOSTS:
        return _HOSTS[host]
    return _KINDS.get(kind) or ("self_hosted" if is_ours(host) else "generic")


@lru_cache(maxsize=4096)
def structured_of(dialect: Dialect, model: str, configured: Structured | None = None) -> Structured:
    """Return how a model is asked for JSON of a schema; what is configured wins."""
    if configured is not None:
        return configured
    if dialect == "deepseek":
        return "json_object"
    if dialect == "moonshot":
        return "json_schema" if _KIMI_SCHEMA.match(model.lower()) else "json_object"
    return "json_schema"


@lru_cache(maxsize=4096)
def thinking_of(dialect: Dialect, model: str, by: ThinkingBy | None = None) -> Thinking:
    """Return how a model is told to think; a field that is configured for its provider wins."""
    if by is not None:
        return _CONFIGURED[by]
    name = model.lower().rpartition("/")[2]
    if dialect == "moonshot":
        return _kimi(name)
    if dialect == "deepseek":
        return _deepseek(name)
    if dialect == "openai":
        return _openai(name)
    if dialect == "self_hosted":
        return _self_hosted(name)
    return UNKNOWN_THINKING


_BY_TYPE = Thinking(on={"thinking": {"type": "enabled"}}, off={"thinking": {"type": "disabled"}})
_BY_EFFORT = Thinking(on={"reasoning_effort": "high"}, off={"reasoning_effort": "low"}, off_remark=_LESS)
_BY_TEMPLATE = Thinking(
    on={"chat_template_kwargs": {"enable_thinking": True}}, off={"chat_template_kwargs": {"enable_thinking": False}}
)
_CONFIGURED: dict[ThinkingBy, Thinking] = {
    "thinking": _BY_TYPE,
    "reasoning_effort": _BY_EFFORT,
    "chat_template_kwargs": _BY_TEMPLATE,
    "nothing": UNKNOWN_THINKING,
}


def _kimi(name: str) -> Thinking:
    if _KIMI_ALWAYS.match(name):
        return Thinking(off_remark=_ALWAYS_THINKS)
    if _KIMI_SWITCHED.match(name):
        return Thinking(off={"thinking": {"type": "disabled"}})
    if _KIMI_EFFORT.match(name):
        return _BY_EFFORT
    if name.startswith(("kimi-k2", "moonshot-v1")):
        return Thinking(on_remark=_NEVER_THINKS)
    return UNKNOWN_THINKING


def _deepseek(name: str) -> Thinking:
    if name.startswith(("deepseek-reasoner", "deepseek-r1")):
        return Thinking(off_remark=_ALWAYS_THINKS)
    return _BY_TYPE if name.startswith("deepseek-") else UNKNOWN_THINKING


def _openai(name: str) -> Thinking:
    if _OPENAI_OLD_O1.match(name):
        return Thinking(off_remark=_ALWAYS_THINKS)
    if not _OPENAI_REASONING.match(name):
        return Thinking(on_remark=_NEVER_THINKS) if name.startswith(("gpt-3", "gpt-4")) else UNKNOWN_THINKING
    tools = not _OPENAI_NO_TOOLS.match(name)
    if "-pro" in name:
        return Thinking(on={"reasoning_effort": "high"}, off_remark=_ALWAYS_THINKS, beside_tools=tools)
    if _OPENAI_NONE.match(name):
        return Thinking(on={"reasoning_effort": "high"}, off={"reasoning_effort": "none"}, beside_tools=tools)
    return Thinking(
        on={"reasoning_effort": "high"}, off={"reasoning_effort": "low"}, off_remark=_LESS, beside_tools=tools
    )


def _self_hosted(name: str) -> Thinking:
    if _QWEN3.match(name):
        if not _QWEN3_FIXED.search(name):
            return _BY_TEMPLATE
        return Thinking(off_remark=_ALWAYS_THINKS) if "-thinking" in name else Thinking(on_remark=_NEVER_THINKS)
    if _DEEPSEEK_TEMPLATE.match(name):
        return Thinking(
            on={"chat_template_kwargs": {"thinking": True}}, off={"chat_template_kwargs": {"thinking": False}}
        )
    return UNKNOWN_THINKING
