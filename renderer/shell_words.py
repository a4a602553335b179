"""Quoting for bash: any text becomes one ASCII shell word on one line."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,-]+")
_PRINTABLE = re.compile(r"[ -~]*")
_ANSI = {
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x27: "\\'",
    0x5C: "\\\\",
}


def sh(text: str) -> str:
    r"""Quote one word for bash.

    Plain words stay as they are, printable ASCII goes between single quotes, and everything else
    becomes ``$'…'`` (bash(1), QUOTING) with octal bytes, so that a rendered line is ASCII
    whatever the locale of the node, and one word never spans two lines.

    >>> print(sh("a b"), sh("it's"), sh("é"), sh(""))
    'a b' $'it\\'s' $'\\303\\251' ''
    """
    if _PLAIN.fullmatch(text):
        return text
    if _PRINTABLE.fullmatch(text) and "'" not in text:
        return f"'{text}'"
    return "$'" + "".join(map(_ansi, text.encode("utf-8", "surrogateescape"))) + "'"


def _ansi(byte: int) -> str:
    if byte in _ANSI:
        return _ANSI[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"  # noqa: PLR2004 (ASCII)
