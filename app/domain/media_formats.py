"""What kind of picture a file holds, by its first bytes: names and media types are what somebody said of it.

Signatures are those of the WHATWG MIME sniffing standard (2026) and, for ISO media, of the brands that MP4RA lists.
"""

from __future__ import annotations

HEAD_BYTES = 64
"""How much of a file has to be looked at."""

_PREFIXES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-wmv"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}
_BMP_HEADER_BYTES = 26


def media_type_of(head: bytes) -> str | None:
    """Return the media type of an image or video (``image/png``) by its first ``HEAD_BYTES`` bytes; None of others."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        found = _BRANDS.get(brand) or ("video/3gpp" if brand.startswith(b"3g") else "video/mp4")
        return None if found.startswith("audio/") else found
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            # Two letters are a word that begins a text, too: a bitmap has its length behind them, and zeros.
            bitmap = len(head) >= _BMP_HEADER_BYTES and head[6:10] == b"\0\0\0\0"
            return None if media_type == "image/bmp" and not bitmap else media_type
    return None
