"""What all pictures share: formats, colours, and the bytes of a figure."""

from __future__ import annotations

import importlib.util
import io
import os
from typing import TYPE_CHECKING, Any

from manifest.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")
# Told apart by people who do not see all colours: Okabe and Ito, Color Universal Design, 2008.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: Any = {  # matplotlib's own type of it lists every name that there is
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched, and the file is small
    "svg.hashsalt": "farmhand",  # the same picture is the same bytes
}


def plot_format(path: str) -> str:
    """Return the format that a file's suffix asks for.

    Raises:
        UserError: no such format, or nothing that could draw it.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise UserError(
            f"a picture cannot be written as '{os.path.basename(path)}'",
            hint=f"name a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError(
            "pictures are drawn with matplotlib, which is not installed here",
            hint="pip install 'farmhand[plots]' (with pipx: pipx inject farmhand matplotlib)",
        )
    return suffix[1:]


def picture(figure: Figure, kind: str) -> bytes:
    """Return a figure in a format; without a date, the same figure gives the same bytes."""
    sink = io.BytesIO()
    figure.savefig(
        sink, format=kind, dpi=150, metadata={"png": {}, "svg": {"Date": None}}.get(kind)
    )
    return sink.getvalue()
