"""Message parts: what is refused, what they cost at most, and what is shown of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.parts import (
    PartTokens,
    check_parts,
    expected_tokens,
    measured,
    pictured,
    pictures_of,
    shown,
    words_of,
)

WORDS = {"type": "text", "text": "What is this?"}
GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


@pytest.mark.parametrize(
    "part",
    [
        image("https://example.com/a.png?x=1#y"),
        image("HTTP://example.com"),
        image(GIF, detail="low"),
        image("data:IMAGE/svg+xml;base64,PHN2Zy8+"),
        image("fil_01M7ZY1PS3VMPZ40MXQWBMXTT9"),
        video("https://example.com/a.mp4"),
        video("data:video/mp4;base64,AAAA"),
        video("fil_01M7ZY1PS3VMPZ40MXQWBMXTT9"),
    ],
)
def test_what_a_provider_can_fetch_or_be_sent_is_taken(part: dict[str, Any]) -> None:
    check_parts([part, WORDS], "/p")


@pytest.mark.parametrize(
    ("part", "place", "said"),
    [
        (image("ftp://example.com/a.png"), "/p/1/image_url/url", "http or https"),
        (image("file:///etc/passwd"), "/p/1/image_url/url", "http or https"),
        (image("ms://abc"), "/p/1/image_url/url", "http or https"),
        (image("https://"), "/p/1/image_url/url", "http or https"),
        (image("https://example.com/a b"), "/p/1/image_url/url", "http or https"),
        (image("https://example.com/a\nHost: x"), "/p/1/image_url/url", "http or https"),
        (image("fil_"), "/p/1/image_url/url", "id of an uploaded file"),
        (image("fil_../../x"), "/p/1/image_url/url", "id of an uploaded file"),
        (image("data:image/png,hello"), "/p/1/image_url/url", "base64,"),
        (image("data:;base64,AAAA"), "/p/1/image_url/url", "base64,"),
        (image("data:text/html;base64,AAAA"), "/p/1/image_url/url", "media type image/*, not text/*"),
        (image("data:video/mp4;base64,AAAA"), "/p/1/image_url/url", "media type image/*, not video/*"),
        (video(GIF), "/p/1/video_url/url", "media type video/*, not image/*"),
        (image("data:image/png;base64,AAA"), "/p/1/image_url/url", "not base64"),
        (image("data:image/png;base64,A A="), "/p/1/image_url/url", "not base64"),
        (image("data:image/png;base64,äöü="), "/p/1/image_url/url", "not base64"),
        (image("data:image/png;base64,"), "/p/1/image_url/url", "no data"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_its_place(part: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_parts([WORDS, part], "/p")

    [error] = caught.value.errors
    assert error.pointer == place
    assert said in error.detail


@pytest.mark.parametrize("parts", [[image(GIF)], [image(GIF), {"type": "text", "text": " \n"}]])
def test_there_have_to_be_words(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_parts(parts, "/goal")

    assert [error.pointer for error in caught.value.errors] == ["/goal"]


def test_only_a_prompt_of_parts_is_pictured() -> None:
    assert pictured('{"prompt":[{"type":"text","text":"x"}],"data":1}')
    assert not pictured('{"prompt":"[{","data":[{"type":"image_url"}]}')
    assert not pictured('{"data":[{"prompt":[1]}]}')
    assert not pictured("")


def test_words_and_pictures_are_told_apart_in_their_order() -> None:
    content = [image("https://a.example/1"), WORDS, video("https://a.example/2")]

    assert words_of(content) == "[image_url]\nWhat is this?\n[video_url]"
    assert pictures_of(content) == [content[0], content[2]]
    assert words_of("plain") == "plain"
    assert pictures_of("plain") == pictures_of(None) == []


def test_a_picture_counts_as_its_bound_whatever_its_data_takes() -> None:
    """16 tokens around each part; the bytes of the data are no tokens."""
    bounds = PartTokens(image=1000, video=50_000)
    small = json.dumps({"prompt": [WORDS, image(GIF)], "data": 1}, separators=(",", ":"))
    large = json.dumps(
        {"prompt": [WORDS, image("data:image/gif;base64," + "A" * 400_000)], "data": 1}, separators=(",", ":")
    )

    assert measured(small, bounds) == ('{"prompt":"What is this?\\n[image_url]","data":1}', 16 + 16 + 1000)
    assert measured(large, bounds) == measured(small, bounds)
    both = json.dumps({"prompt": [image(GIF), image(GIF), video("https://a.example")]}, separators=(",", ":"))
    assert measured(both, bounds)[1] == 3 * 16 + 2 * 1000 + 50_000


def test_a_prompt_in_words_is_left_as_it_is() -> None:
    payload = '{"prompt":"x","data":{"b":1,"a":2}}'
    assert measured(payload, PartTokens()) == (payload, 0)


def test_guesses_are_per_picture() -> None:
    assert expected_tokens([image(GIF), image(GIF), video("x")]) == 2 * 2_000 + 20_000


def test_data_uris_are_shown_by_their_beginning() -> None:
    long = "data:image/png;base64," + "iVBORw0KGgo" * 100

    found = shown([WORDS, image(long, detail="high"), image("https://a.example/x"), image("fil_1"), image(GIF)])

    assert found[0] == WORDS
    assert found[1] == image(f"{long[:54]}… (1122 characters)", detail="high")
    assert found[2:] == [image("https://a.example/x"), image("fil_1"), image(GIF)]
    assert shown("words") == "words"
