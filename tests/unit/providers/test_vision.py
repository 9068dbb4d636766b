"""The bounds on what an image or a video is in tokens: by vendor, what is configured first, never above the context."""

from __future__ import annotations

import pytest

from app.domain.parts import PartTokens
from app.providers.dialects import Dialect
from app.providers.vision import part_tokens_of, reads_pictures


@pytest.mark.parametrize(
    ("dialect", "model", "image"),
    [
        ("moonshot", "kimi-k2.5", 4_096),
        ("moonshot", "kimi-k2.6", 4_096),
        ("moonshot", "moonshot-v1-32k-vision-preview", 4_096),
        ("moonshot", "kimi-k3", 16_384),
        ("openai", "gpt-5-mini", 24_600),
        ("openai", "gpt-4o-mini-2024-07-18", 49_152),
        ("openai", "gpt-4o", 24_600),
        ("self_hosted", "qwen3-vl", 49_152),
        ("generic", "moonshotai/kimi-k2.5", 49_152),
    ],
)
def test_an_image_is_bounded_by_what_its_vendor_documents(dialect: Dialect, model: str, image: int) -> None:
    assert part_tokens_of(dialect, model, None, None, None) == PartTokens(image=image, video=1_048_576)


def test_no_part_is_more_than_the_context_and_what_is_configured_wins() -> None:
    assert part_tokens_of("moonshot", "kimi-k2.5", 262_144, None, None) == PartTokens(image=4_096, video=262_144)
    assert part_tokens_of("generic", "small", 8_192, None, None) == PartTokens(image=8_192, video=8_192)
    assert part_tokens_of("openai", "gpt-4o-mini", 128_000, 800, 9_000) == PartTokens(image=800, video=9_000)


def test_whether_a_model_reads_images_is_only_known_where_it_is_configured() -> None:
    assert reads_pictures(None, "m") is None
    assert reads_pictures(True, "m") is True
    assert reads_pictures(False, "m") is False
    assert [reads_pictures(("m",), name) for name in ("m", "n")] == [True, False]
