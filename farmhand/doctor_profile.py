"""The site profile: whether it still holds, and writing what was measured into it."""

from __future__ import annotations

import difflib
import os
import tempfile

from farmhand.doctor_findings import Finding, bad, fine, note
from farmhand.talk import say
from manifest.errors import Refusal, UserError
from manifest.site import LsfSite, Site, SlurmSite, parse_site, read_site, site_path, site_text


def look_at_profile(measured: SlurmSite | None, lsf: LsfSite | None = None) -> Finding:
    """Say whether the profile can be read and agrees with what SLURM and LSF say."""
    about, path = "site profile", site_path()
    if not os.path.exists(path):
        return note(about, f"none ({path}); farmhand doctor --write makes one")
    try:
        site = read_site()
    except UserError as error:
        return bad(about, f"{error.what} ({error.where})")
    stale = []
    for name in ("max_array_size", "max_array_tasks", "max_job_count") if measured else ():
        noted, now = getattr(site.slurm, name), getattr(measured, name)
        if noted is not None and noted != now:
            stale.append(f"{name} is {noted} there and {'unset' if now is None else now} in SLURM")
    for name in ("max_array_size", "memory_unit", "rusage_per") if lsf else ():
        noted, now = getattr(site.lsf, name), getattr(lsf, name)
        if None not in (noted, now) and noted not in (now, "suffix"):
            stale.append(f"lsf.{name} is {noted} there and {now} in LSF")
    if stale:
        return bad(about, f"{', '.join(stale)}; farmhand doctor --write mends {path}")
    return fine(about, path)


def write_profile(measured: SlurmSite | None, lsf: LsfSite | None = None) -> str:
    """Write the profile and say what changed; return its path.

    Raises:
        Refusal: nothing was measured.
        UserError: the profile that is there is damaged, or it cannot be written.
    """
    if measured is None and lsf is None:
        raise Refusal(
            "no scheduler has answered, so no site profile is written",
            hint="type it again where SLURM or LSF answers",
        )
    path = site_path()
    target = os.path.realpath(path)  # it may be a link into a directory of dotfiles
    before = _before(target)
    text = site_text(_merged(parse_site(before, path), measured, lsf))
    after = text.encode()
    if after == before:
        say(f"unchanged: {path}")
        return path
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if before:
            _replace(f"{target}~", before)
        _replace(target, after)
    except OSError as error:
        raise UserError(
            f"the site profile cannot be written: {error.strerror}",
            where=path,
            hint="name another place by FARMHAND_SITE",
        ) from error
    if before:
        old = before.decode(errors="replace").splitlines()
        for line in difflib.unified_diff(old, text.splitlines(), "before", "now", lineterm="", n=1):
            say(f"  {line}")
    say(f"written: {path}" + (f" (the one before is {path}~)" if before else ""))
    return path


def _before(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(
            f"the site profile cannot be read: {error.strerror}",
            where=path,
            hint="name another place by FARMHAND_SITE",
        ) from error


def _merged(old: Site, measured: SlurmSite | None, lsf: LsfSite | None) -> Site:
    """Return the old profile with what was measured.

    Partitions that SLURM does not show stay, since some are hidden; so does a limit on a user's
    jobs that SLURM does not tell, and all that LSF does not.
    """
    if lsf is not None:
        told = {name: value for name, value in lsf.model_dump().items() if value is not None}
        old = old.model_copy(update={"lsf": old.lsf.model_copy(update=told)})
    if measured is None:
        return old
    update = {
        "partitions": {**old.slurm.partitions, **measured.partitions},
        "max_submit_jobs": (
            old.slurm.max_submit_jobs
            if measured.max_submit_jobs is None
            else measured.max_submit_jobs
        ),
    }
    return old.model_copy(update={"slurm": measured.model_copy(update=update)})


def _replace(path: str, content: bytes) -> None:
    """Write a file whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".site.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
