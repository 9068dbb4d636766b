"""The kind of a picture is told by its content."""

from __future__ import annotations

import pytest

from app.domain.media_formats import media_type_of

BMP = b"BM" + (70).to_bytes(4, "little") + b"\0\0\0\0" + b"\x36\0\0\0" + b"\x28\0\0\0" + b"\0" * 8


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (BMP, "image/bmp"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "image/avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\0\0\0\x14ftyp3gp5\0\0\0\0", "video/3gpp"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81", "video/webm"),
        (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
        (b"FLV\x01\x05", "video/x-flv"),
        (b"\0\0\x01\xba\x44", "video/mpeg"),
    ],
)
def test_pictures_are_told_by_their_first_bytes(head: bytes, media_type: str) -> None:
    assert media_type_of(head) == media_type


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"plain words",
        b"BMW sells cars, and this sentence is a text.",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypM4A \0\0\0\0",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><img src=x>",
    ],
)
def test_what_is_no_picture_is_none(head: bytes) -> None:
    assert media_type_of(head) is None
