"""What models read beside text, and the most tokens that they make of an image or a video.

Whether a model reads images is never guessed: it is passed on unless the operator says that it does not. What they cost
is an upper bound, so that no budget is passed. Sources, as read on 2026-11-21:

- OpenAI (developers.openai.com, images and vision guide): an image has at most 8
  tiles (fit into 2048 x 2048, shortest side 768), of 5,667 tokens + 2,833 for ``gpt-4o-mini`` (48,169) and of 170 + 85
  for ``gpt-4o`` and its kin; or at most 1,536 patches, with ``detail: original`` 10,000, times 2.46 at most (24,600).
- Moonshot (``preprocessor_config.json`` of moonshotai/Kimi-K2.5, -K2.6 and -K3 on Hugging Face): ``in_patch_limit`` is
  16,384 patches of an image, four a token, so 4,096 tokens; of ``kimi-k3`` 65,536 patches, so 16,384. Frames of a video
  are taken twice a second or more often without a limit on their number, so its bound is the context.
- What is not known takes the dearest known: ``domain.parts.PartTokens``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from app.domain.parts import UNKNOWN_PART_TOKENS, PartTokens
from app.providers.dialects import Dialect

_KIMI_SMALL = re.compile(r"kimi-k2|kimi-latest|moonshot-v1-")
_KIMI_LARGE = re.compile(r"kimi-k[3-9]")
_OPENAI_DEAR = re.compile(r"gpt-4o-mini")


@lru_cache(maxsize=4096)
def part_tokens_of(
    dialect: Dialect, model: str, context_tokens: int | None, image: int | None, video: int | None
) -> PartTokens:
    """Return the bounds of a model; those that are configured for its provider win, and its context bounds both.

    Args:
        context_tokens: most tokens of a call, None where that is not known.
        image: configured, None where it is not; with ``video``.
    """
    known = image or _image_tokens(dialect, model.lower().rpartition("/")[2]) or UNKNOWN_PART_TOKENS.image
    moving = video or UNKNOWN_PART_TOKENS.video
    if context_tokens is not None:
        known, moving = min(known, context_tokens), min(moving, context_tokens)
    return PartTokens(image=known, video=moving)


def _image_tokens(dialect: Dialect, name: str) -> int | None:
    if dialect == "moonshot":
        return 16_384 if _KIMI_LARGE.match(name) else 4_096 if _KIMI_SMALL.match(name) else None
    if dialect == "openai" and not _OPENAI_DEAR.match(name):
        return 24_600
    return None


def reads_pictures(configured: bool | tuple[str, ...] | None, model: str) -> bool | None:
    """Return whether a model reads images, as configured; None where nothing is said, so its provider decides."""
    return model in configured if isinstance(configured, tuple) else configured
