"""The mock model tells what images it was sent, from the request alone."""

from __future__ import annotations

from hashlib import sha256

from app.providers.mock_model.parts import parts_of, parts_told

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look."},
            {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lG"}},
            {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
        ],
    },
]


def test_parts_are_counted_with_their_types_and_sizes() -> None:
    assert parts_of(MESSAGES) == [
        {"type": "image_url", "media_type": "image/gif", "bytes": 3, "sha256": sha256(b"GIF").hexdigest()},
        {"type": "video_url", "url": "https://example.com/a.mp4"},
    ]
    assert parts_told(MESSAGES) == "Parts received: 2: image (image/gif, 3 bytes), video (https://example.com/a.mp4)"


def test_any_shape_is_read_and_words_alone_are_nothing() -> None:
    odd = [None, 3, {"content": 3}, {"content": [3, {"type": "image_url"}, {"type": "image_url", "image_url": "u"}]}]

    assert parts_of(odd) == [{"type": "image_url", "url": ""}, {"type": "image_url", "url": "u"}]
    assert parts_told([{"role": "user", "content": [{"type": "text", "text": "x"}]}]) == ""
