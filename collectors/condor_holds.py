"""Why HTCondor holds a job: hold codes, what they mean, and what to do about them.

The codes are those of the attribute HoldReasonCode in HTCondor's manual, "Job ClassAd Attributes":
all of them, but for 2 and 28 to 31, which it no longer has, and 37 to 42 of the EC2 universe.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from manifest.states import Cause


class Hold(NamedTuple):
    """One kind of hold."""

    cause: Cause
    meaning: str
    advice: str


_MORE = "farmhand resubmit --held asks for more"
_REDO = "farmhand resubmit --held"
_LET_GO = "condor_release lets it try again"
_ADMINS = "ask the pool's admins"
_TRANSFERRED = "condor_job_transfer.sub (farmhand resubmit --held --mode transfer)"
_TRANSFER_FILE = (
    f"the job runs as another user or elsewhere, and cannot read the run: submit {_TRANSFERRED}"
)
_MEMORY = Hold("oom", "it used more memory than it asked for", _MORE)
_DISK = Hold("disk", "it used more disk than it asked for", _MORE)
_BY_CODE: dict[int, Hold] = {
    1: Hold("held_policy", "a user held it", "condor_release lets it go on"),
    3: Hold("held_policy", "a policy of the job held it", "see the reason; condor_release"),
    4: Hold("setup", "its credentials are not valid", f"renew them, then {_REDO}"),
    5: Hold("held_policy", "a policy expression could not be evaluated", _ADMINS),
    6: Hold("setup", "it could not be started", _TRANSFER_FILE),
    7: Hold("setup", "its standard output could not be opened", "is logs/ of the run there?"),
    8: Hold("setup", "its standard input could not be opened", "see the reason"),
    9: Hold("setup", "its streamed output could not be opened", "is logs/ of the run there?"),
    10: Hold("setup", "its streamed input could not be opened", "see the reason"),
    11: Hold("stage_in", "the transfer of its files broke off", _LET_GO),
    12: Hold("stage_out", "its outputs could not be brought back", f"see the reason, then {_REDO}"),
    13: Hold(
        "stage_in",
        "its inputs could not be sent",
        f"put back what is missing and type condor_release, or {_REDO}",
    ),
    14: Hold("setup", "the run directory could not be entered", _TRANSFER_FILE),
    15: Hold("held_policy", "it was submitted on hold", "condor_release lets it go"),
    16: Hold("held_policy", "its inputs are being spooled", "wait"),
    17: Hold("setup", "the access point has no shadow for it", _ADMINS),
    18: Hold("stage_in", "the transfer of its files broke off", _LET_GO),
    19: Hold("setup", "the machine's preparation of it failed", "see the reason"),
    20: Hold("setup", "it missed the time at which it was to start", "see deferral_time"),
    21: Hold("held_policy", "a policy of the machine held it", "see the reason"),
    22: Hold("setup", "its event log could not be written", "is logs/ writable, and not on EOS?"),
    23: Hold("setup", "the account of its owner could not be used", _ADMINS),
    24: Hold("setup", "the access point has no shadow for it", _ADMINS),
    25: Hold("setup", "its cron settings make no sense", "see cron_minute and its kin"),
    26: Hold("held_policy", "a policy of the pool held it", "see the reason; ask the admins"),
    27: Hold("held_policy", "a policy of the pool could not be evaluated", _ADMINS),
    32: Hold("disk", "its inputs are larger than allowed", "see max_transfer_input_mb"),
    33: Hold("disk", "its outputs are larger than allowed", "see max_transfer_output_mb"),
    34: Hold("oom", "it used more than it asked for", _MORE),
    35: Hold("setup", "its container could not be started", "is the image right?"),
    36: Hold("setup", "it failed when it was to write a checkpoint", "see the reason"),
    43: Hold("setup", "a script before it failed", "see the reason"),
    44: Hold("setup", "a script after it failed", "see the reason"),
    45: Hold(
        "setup", "the machine's container runtime does not work", f"{_REDO} --exclude-bad-nodes"
    ),
    46: Hold("timeout", "it was longer in the pool than allowed", _MORE),
    47: Hold("timeout", "it ran longer than allowed", _MORE),
    48: Hold("setup", "the access point's preparation of it failed", "see the reason"),
}
_BY_SUBCODE = {102: _MEMORY, 104: _DISK}
"""Of codes 34 and 21: a pool's policy may give either (seen with HTCondor 25)."""
_BY_ERRNO: dict[tuple[int, int], str] = {
    (6, errno.EACCES): f"the job runs as another user, who cannot read the run: submit "
    f"{_TRANSFERRED}; or the file is not executable: {_REDO} writes it anew",
    (6, errno.ENOENT): f"the machine does not see the run: submit {_TRANSFERRED}; or the file is "
    f"gone: {_REDO} writes it anew",
    **dict.fromkeys(
        [(code, errno.EACCES) for code in (7, 8, 9, 10, 14)],
        f"the job runs as another user, who cannot enter the run: submit {_TRANSFERRED}",
    ),
    **dict.fromkeys(
        [(code, errno.ENOENT) for code in (7, 9, 10)],
        f"is logs/ of the run there? If so, the machine does not see it: submit {_TRANSFERRED}",
    ),
}
"""More exact advice where the subcode is an errno."""
_OTHER = Hold("held_policy", "HTCondor holds it", "see the reason")


def hold(code: int | None, subcode: int | None) -> Hold:
    """Return what a hold means."""
    if code in (21, 34) and subcode in _BY_SUBCODE:
        return _BY_SUBCODE[subcode]
    meaning = _BY_CODE.get(code or 0, _OTHER)
    return meaning._replace(advice=_BY_ERRNO.get((code or 0, subcode or 0), meaning.advice))


def known_holds() -> dict[str, Hold]:
    """Return the table as documentation shows it, by ``code`` or ``code/subcode``."""
    shown = {str(code): meaning for code, meaning in _BY_CODE.items()}
    shown |= {f"{code}/{sub}": h for code in (21, 34) for sub, h in _BY_SUBCODE.items()}
    return dict(sorted(shown.items(), key=lambda item: [int(n) for n in item[0].split("/")]))
