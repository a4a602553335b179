"""Commands that move files, by the scheme of a URL: the table that specs and sites add to.

Words are arguments, never shell text; in them ``{{ url }}``, ``{{ file }}``, ``{{ to }}`` and
``{{ sha256 }}`` are filled in where the job runs. Each command ends with 0 when all went well.
"""

from __future__ import annotations

import re

from pydantic import field_validator

from manifest.checks import Frozen

WORDS = {
    "get": ("url", "file"),
    "put": ("url", "file", "sha256"),
    "size": ("url",),
    "sum": ("url",),
    "move": ("url", "to"),
    "list": ("url",),
}
"""Command -> what may stand in its words."""

_FIELD = re.compile(r"\{\{\s*(\w*)\s*\}\}")


class Transfer(Frozen):
    """How one store is talked to."""

    get: tuple[str, ...] = ()
    """Copies ``url`` to ``file``."""
    put: tuple[str, ...] = ()
    """Copies ``file`` to ``url``, over what is there."""
    size: tuple[str, ...] = ()
    """Prints the bytes of ``url``."""
    sum: tuple[str, ...] = ()
    """Prints ``md5 HEX``, ``sha256 HEX`` or ``adler32 HEX`` of ``url``; nothing: not known."""
    move: tuple[str, ...] = ()
    """Renames ``url`` to ``to``; a store without it gets a file under its final name at once."""
    list: tuple[str, ...] = ()
    """Prints ``BYTES NAME`` for each file below the directory ``url``, names relative to it."""

    @field_validator("*")
    @classmethod
    def _known_words(cls, words: tuple[str, ...], info: object) -> tuple[str, ...]:
        name = getattr(info, "field_name", "")
        for word in words:
            for found in _FIELD.findall(word):
                if found not in WORDS[name]:
                    known = ", ".join(f"{{{{ {field} }}}}" for field in WORDS[name])
                    raise ValueError(f"{word!r}: what can be filled in here is {known}")
        return words

    def over(self, other: Transfer | None) -> Transfer:
        """Return these commands with those that they leave out taken from ``other``."""
        if other is None:
            return self
        return other.model_copy(
            update={name: getattr(self, name) for name in self.model_fields_set}
        )


def pieces(word: str) -> list[tuple[bool, str]]:
    """Cut a word: (True, name of what is filled in) or (False, text as it stands).

    >>> pieces("file={{ file }}")
    [(False, 'file='), (True, 'file')]
    """
    cut = _FIELD.split(word)
    return [(bool(number % 2), text) for number, text in enumerate(cut) if text or number % 2]


def _script(text: str, *words: str) -> tuple[str, ...]:
    return ("bash", "-c", text, "farmhand", *words)


_URL, _FILE, _TO = "{{ url }}", "{{ file }}", "{{ to }}"

# root://host[:port]//path: xrdfs(1) wants server and path apart
_XRD = "rest=${1#*://} server=${rest%%/*} path=/${rest#*/} path=/${path##/}; "
# s3://bucket/key
_S3 = "rest=${1#*://} bucket=${rest%%/*} key=${rest#*/}; "
_HEAD = 'aws s3api head-object --bucket "$bucket" --key "$key" --output text --query '

TRANSFERS: dict[str, Transfer] = {
    # By xrdcp(1) and xrdfs(1)
    "root": Transfer(
        get=("xrdcp", "--nopbar", "--force", _URL, _FILE),
        put=("xrdcp", "--nopbar", "--force", "--path", _FILE, _URL),
        size=_script(_XRD + 'xrdfs "$server" stat "$path" | sed -n "s/^Size: *//p"', _URL),
        sum=_script(_XRD + 'xrdfs "$server" query checksum "$path" 2>/dev/null || :', _URL),
        move=_script(
            _XRD + 'to=${2#*://}; to=/${to#*/}; xrdfs "$server" mv "$path" "/${to##/}"', _URL, _TO
        ),
        list=_script(
            "set -o pipefail; " + _XRD + 'xrdfs "$server" ls -l -R "$path" | '
            """awk -v top="${path%/}/" '/^-/ { size = $4; name = $0; """
            """sub(/^[^\\/]*\\//, "/", name); """
            """if (index(name, top) == 1) print size, substr(name, length(top) + 1) }'""",
            _URL,
        ),
    ),
    # AWS CLI: credentials and endpoint from its own environment and files
    "s3": Transfer(
        get=("aws", "s3", "cp", "--only-show-errors", _URL, _FILE),
        put=(
            *("aws", "s3", "cp", "--only-show-errors"),
            *("--metadata", "sha256={{ sha256 }}", _FILE, _URL),
        ),
        size=_script(_S3 + _HEAD + "ContentLength", _URL),
        # The ETag of one part is its md5; that of several ("…-2") is not
        sum=_script(
            _S3 + "tag=$(" + _HEAD + "ETag) || exit; tag=${tag//[!0-9a-f-]/}; "
            '[[ $tag == *-* ]] || echo "md5 $tag"',
            _URL,
        ),
        list=_script(
            "set -o pipefail; " + _S3 + "[[ $rest == */* ]] || key=''; key=${key%/} "
            'key=${key:+$key/}; aws s3api list-objects-v2 --bucket "$bucket" --prefix '
            '"$key" --output text --query "Contents[].[Size,Key]" | '
            """awk -F '\\t' -v top="$key" 'NF > 1 && substr($2, 1, length(top)) == top """
            """{ print $1, substr($2, length(top) + 1) }'""",
            _URL,
        ),
    ),
    # By curl(1)
    "https": Transfer(
        get=("curl", "--fail", "--silent", "--show-error", "--location", "--output", _FILE, _URL),
        put=("curl", "--fail", "--silent", "--show-error", "--upload-file", _FILE, _URL),
        size=_script(
            'curl --fail --silent --show-error --location --head "$1" | tr -d "\\r" | '
            """awk 'tolower($1) == "content-length:" { size = $2 } END { print size }'""",
            _URL,
        ),
    ),
    # A directory that the nodes see (cp(1), mv(1), find(1))
    "file": Transfer(
        get=_script('exec cp -- "${1#file://}" "$2"', _URL, _FILE),
        put=_script(
            'to=${1#file://}; mkdir -p -- "${to%/*}" && exec cp -- "$2" "$to"', _URL, _FILE
        ),
        size=_script('exec stat -L -c %s -- "${1#file://}"', _URL),
        move=_script('exec mv -f -T -- "${1#file://}" "${2#file://}"', _URL, _TO),
        # -L: what a link stands for counts; a file that a job renames meanwhile is no failure
        list=_script(
            'cd -- "${1#file://}" && '
            'exec find -L . -ignore_readdir_race -type f -printf "%s %P\\n"',
            _URL,
        ),
    ),
}
TRANSFERS["roots"] = TRANSFERS["root"]
TRANSFERS["http"] = TRANSFERS["https"]
"""Scheme -> commands that need no word of anybody."""


def scheme_of(url: str) -> str:
    """Return the scheme of a URL; a plain path is a file.

    >>> scheme_of("s3://bucket/a"), scheme_of("/data/a")
    ('s3', 'file')
    """
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark else "file"
