"""What doctor finds out about the clients that copy files, and what lets them in.

Credentials are looked for, never printed and never tried: only where they are and how long they
last.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import orjson

from collectors.run_facts import read_facts
from farmhand.doctor_findings import Finding, bad, fine, note
from manifest.errors import UserError
from manifest.site import read_site
from manifest.staging import Staging
from manifest.transfers import Transfer, scheme_of
from manifest.units import format_duration
from runners.asked import ask

_PATIENCE_S = 10.0
_ELSEWHERE = ("root", "s3", "https")  # of farmhand's own table; file:// needs no client
_KNOWN = re.compile(r"(?<![\w./-])(xrdcp|xrdfs|aws|s3cmd|curl|gfal-copy)(?![\w./-])")
_TELLS_VERSION = ("xrdcp", "aws", "s3cmd", "curl", "gfal-copy")


def look_at_clients(run: str | None) -> Iterator[Finding]:
    """Say of each scheme whether its client is here; of schemes nobody named, only those that are.

    Args:
        run: directory of a run whose schemes are needed; None, or no run: none is.
    """
    try:
        staging = Staging().at(read_site().transfers)
    except UserError:  # which another finding says
        staging = Staging()
    needed = set(staging.commands)
    try:
        if run is not None and os.path.isdir(os.path.join(run, "plan")):
            facts = read_facts(run)
            staging = facts.spec.staging.at(staging.commands)
            urls = [output.destination for output in facts.spec.outputs.values()]
            urls += [f.path for files in facts.found.values() for f in files if f.size is None]
            needed |= {*staging.commands, *(scheme_of(url) for url in urls if url)}
    except UserError as error:
        yield bad("clients", f"cannot be told: {error.what}")
        return
    seen: dict[str, None] = {}
    for scheme in dict.fromkeys((*sorted(needed - {"file"}), *_ELSEWHERE)):
        transfer = staging.transfer(scheme)
        programs = _programs(transfer) if transfer else []
        if scheme in needed or all(map(shutil.which, programs)):
            yield _client(scheme, programs, needed=scheme in needed)
            seen |= dict.fromkeys(programs)
    for name in seen:
        if name in _CREDENTIALS:
            yield from _CREDENTIALS[name](name)


def _programs(transfer: Transfer) -> list[str]:
    """Return the programs that the commands of a scheme start, of shell text those that we know."""
    found: dict[str, None] = {}
    for words in transfer.model_dump().values():
        if words and os.path.basename(words[0]) in ("bash", "sh"):
            found |= dict.fromkeys(name for word in words[1:] for name in _KNOWN.findall(word))
        elif words:
            found[words[0]] = None
    return list(found)


def _client(scheme: str, programs: list[str], *, needed: bool) -> Finding:
    about = f"{scheme}://"
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        text = f"{' and '.join(missing)} not on PATH"
        return bad(about, f"{text}, and copies need it") if needed else note(about, text)
    if not programs:
        return note(about, "by shell text, which is not looked into")
    return fine(about, ", ".join(_version(name) for name in programs))


def _version(name: str) -> str:
    path = shutil.which(name) or name
    if os.path.basename(name) not in _TELLS_VERSION:
        return f"{os.path.basename(name)} at {path}"
    asked = ask([path, "--version"], _PATIENCE_S)
    found = re.search(r"\d+\.\d+[\w.+-]*", asked.out or asked.err) if asked.code == 0 else None
    if found is None:
        return f"{path}, which does not say its version"
    return f"{os.path.basename(name)} {found[0]} at {path}"


def _aws(name: str) -> Iterator[Finding]:
    about = f"credentials of {name}"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        yield fine(about, "in the environment (AWS_ACCESS_KEY_ID)")
        return
    named = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    path = named or os.path.expanduser("~/.aws/credentials")
    section = os.environ.get("AWS_PROFILE") or "default"
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with open(path, encoding="utf-8") as stream:
            parser.read_file(stream)
    except FileNotFoundError:
        yield note(about, f"neither AWS_ACCESS_KEY_ID nor {path}")
        return
    except (OSError, ValueError, configparser.Error):  # whose text repeats what stands there
        yield bad(about, f"{path} cannot be read")
        return
    if not parser.has_section(section):
        yield note(about, f"{path} has no profile '{section}'")
        return
    ends = (_when(value) for key, value in parser.items(section) if "expir" in key)
    yield _lasting(about, path, next(filter(None, ends), None))


def _s3cmd(name: str) -> Iterator[Finding]:
    path = os.environ.get("S3CMD_CONFIG") or os.path.expanduser("~/.s3cfg")
    about = f"credentials of {name}"
    found = os.path.exists(path)
    yield fine(about, path) if found else note(about, f"there is no {path}; type s3cmd --configure")


def _grid(name: str) -> Iterator[Finding]:
    """Look for a token where WLCG's bearer token discovery does; a proxy is another finding."""
    about = f"credentials of {name}"
    uid = os.getuid()
    usual = f"{os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/bt_u{uid}"  # noqa: S108 (as they say)
    named = os.environ.get("BEARER_TOKEN_FILE")
    path = named or usual
    proxy = os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{uid}"  # noqa: S108 (as grid tools)
    if os.environ.get("BEARER_TOKEN"):
        yield _lasting(about, "BEARER_TOKEN", _token_end(os.environ["BEARER_TOKEN"]))
    elif named or os.path.exists(usual):
        try:
            with open(path, encoding="utf-8") as stream:
                yield _lasting(about, path, _token_end(stream.read().strip()))
        except (OSError, ValueError):
            yield bad(about, f"the token {path} cannot be read")
    elif not os.path.exists(proxy):
        yield note(about, "neither a proxy nor a token; a server may take Kerberos, or ask nothing")


_CREDENTIALS: dict[str, Callable[[str], Iterator[Finding]]] = {
    "aws": _aws,
    "s3cmd": _s3cmd,
    "xrdcp": _grid,
    "gfal-copy": _grid,
}


def _lasting(about: str, place: str, end: float | None) -> Finding:
    if end is None:
        return fine(about, place)
    left = int(end - time.time())
    if left <= 0:
        return bad(about, f"{place} has expired")
    return fine(about, f"{place}, {format_duration(left)} left")


def _when(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _token_end(token: str) -> float | None:
    """Return when a JSON web token (RFC 7519) ends; None: it does not say, or is none."""
    body = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 (head, body, sum)
    try:
        end = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("exp")
    except (binascii.Error, ValueError, AttributeError):
        return None
    return float(end) if isinstance(end, int | float) else None
