"""What the payload needs to copy files from and to stores: commands by scheme, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from manifest.errors import UserError
from manifest.file_table import Found
from manifest.site import read_site
from manifest.spec import Spec
from manifest.staging import Staging
from manifest.transfers import pieces, scheme_of
from renderer.shell_words import sh
from renderer.templating import template
from renderer.words import Names, Runtime, Word, parse_word

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")
_FIELDS = {"url": '"$fh_url"', "file": '"$fh_file"', "to": '"$fh_to"', "sha256": '"$fh_sha"'}


@dataclass(frozen=True, slots=True)
class Stores:
    """What a spec has copied."""

    staging: Staging = field(default_factory=Staging)
    inputs: tuple[str, ...] = ()
    """Schemes of the files that are copied to the node."""
    destinations: Mapping[str, Word] = field(default_factory=dict)
    """Where outputs are kept, by the output's name."""

    def __bool__(self) -> bool:
        """Say whether anything is copied at all."""
        return bool(self.inputs or self.destinations)


def find_stores(spec: Spec, found: Found, names: Names) -> Stores:
    """Work out what is copied, and refuse what cannot be.

    Args:
        spec: what the user wants.
        found: the files of its components.
        names: what texts may use.

    Raises:
        UserError: a scheme that nobody has commands for, a password, no place at all.
    """
    destined = any(output.destination for output in spec.outputs.values())
    if not destined and "staging" not in spec.model_fields_set:
        return Stores()
    staging = spec.staging.at(read_site().transfers)
    inputs: set[str] = set()
    if "staging" in spec.model_fields_set and staging.inputs:
        for url in _urls(found):
            _refuse_password(url, "files")
            inputs.add(_usable(staging, url, "get", "files"))
    destinations = {}
    for name, output in spec.outputs.items():
        if output.destination is not None:
            where = f"outputs.{name}.destination"
            destinations[name] = _destination(staging, output.destination, where, names)
    return Stores(staging, tuple(sorted(inputs)), destinations)


def _urls(found: Found) -> Iterator[str]:
    for files in found.values():
        yield from (file.path for file in files if file.size is None)


def _destination(staging: Staging, text: str, where: str, names: Names) -> Word:
    word = parse_word(text, where, names)
    start = _start(word)
    if not start.startswith("/") and "://" not in start:
        raise UserError(
            f"'{text}' is neither a URL nor an absolute path",
            where=where,
            hint="write for example s3://bucket/{{ shard.name }}.root or /data/...",
        )
    _refuse_password(text, where)
    _usable(staging, start, "put", where)
    if any(isinstance(piece, Runtime) for piece in word.pieces):
        raise UserError(
            "a destination is known at the render and cannot use a variable of the job",
            where=where,
            hint="use shard.*, part.*, work.* and params.*",
        )
    return word


def _start(word: Word) -> str:
    """Return the text that a word begins with for every shard."""
    first = word.pieces[0] if word.pieces else ""
    return first if isinstance(first, str) else ""


def _usable(staging: Staging, url: str, command: str, where: str) -> str:
    """Return the scheme of a URL that there is a command for."""
    scheme = scheme_of(url)
    transfer = staging.transfer(scheme)
    if transfer is None or not getattr(transfer, command):
        raise UserError(
            f"nobody has said how files are copied {'from' if command == 'get' else 'to'} "
            f"{scheme}:// ({url})",
            where=where,
            hint=f"say staging.commands.{scheme}.{command}: [PROGRAM, ...]; or inputs: false "
            "under staging, where the command reads URLs itself"
            if command == "get"
            else f"say staging.commands.{scheme}.put: [PROGRAM, ...]",
        )
    return scheme


def _refuse_password(url: str, where: str) -> None:
    if _PASSWORD.search(url):
        raise UserError(
            "a URL with a password in it would stand in scripts and records for all to read",
            where=where,
            hint="let the store's own client find it: its configuration file, or the environment",
        )


def staging_text(
    stores: Stores,
    paths: Mapping[str, str],
    urls: Mapping[str, str],
    env: object,
    *,
    checksums: bool,
) -> str:
    """Return the part of the payload that copies files.

    Args:
        stores: what is copied.
        paths: shell words of the outputs' local paths.
        urls: shell words of their destinations.
        env: names and shell words of the variables that the command gets.
        checksums: whether the record tells the sha256 of what was copied to the node.
    """
    staging = stores.staging
    schemes = {*stores.inputs, *(scheme_of(_start(w)) for w in stores.destinations.values())}
    transfers = {scheme: staging.transfer(scheme) for scheme in sorted(schemes)}
    commands = {
        name: {
            scheme: [_shell(word) for word in getattr(transfer, name)]
            for scheme, transfer in transfers.items()
            if transfer is not None and getattr(transfer, name)
        }
        for name in ("get", "put", "size", "sum", "move")
    }
    return template("staging.sh.j2").render(
        commands=commands,
        moves=" ".join(commands["move"]),
        timeout=staging.timeout,
        pause=staging.pause,
        retries=staging.retries,
        cache=cache_word(staging.cache) if staging.cache and stores.inputs else None,
        variables=variables(staging.cache or ""),
        limit=staging.cache_limit,
        keep=staging.keep,
        checksums=checksums,
        env=env,
        stores=[(sh(name), paths[name], urls[name]) for name in stores.destinations],
    )


def _shell(word: str) -> str:
    return "".join(_FIELDS[text] if field else sh(text) for field, text in pieces(word)) or "''"


def variables(text: str) -> list[str]:
    """Return the names of the variables in a directory of the node."""
    return _VARIABLE.findall(text)


def cache_word(text: str) -> str:
    """Return a directory as a shell word; variables in it are those of the node."""
    parts = []
    for number, part in enumerate(_VARIABLE.split(text)):
        parts.append(f'"${{{part}-}}"' if number % 2 else sh(part) if part else "")
    return "".join(parts)


def refuse_shared(seen: set[str], urls: Iterable[str], where: str) -> None:
    """Refuse two outputs with one destination.

    Raises:
        UserError: names the second.
    """
    for url in urls:
        if url in seen:
            raise UserError(
                f"two outputs would be stored at {url}",
                where=where,
                hint="let the destination contain {{ shard.name }}",
            )
        seen.add(url)
