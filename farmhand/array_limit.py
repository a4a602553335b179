"""How large a job array may be here: from spec, site profile, scheduler, or its default."""

from __future__ import annotations

import re
import shutil

from farmhand.lsf_habits import lsf_habits
from manifest.errors import Refusal
from manifest.site import read_site
from manifest.spec import Spec
from runners import slurm_site

_DEFAULT = 1001  # MaxArraySize where slurm.conf(5) does not say
_LSF_DEFAULT = 1000  # MAX_JOB_ARRAY_SIZE where lsb.params(5) does not say
_PATIENCE_S = 20.0


def largest_array(scheduler: str, spec: Spec) -> int:
    """Return how many elements one array may have; 0 where the scheduler has no arrays.

    SLURM: the largest index is MaxArraySize - 1, and arrays count from 0: slurm.conf(5). An array
    of more elements than a user may have jobs at all would never be taken. LSF: the largest index
    is MAX_JOB_ARRAY_SIZE, and arrays count from 1.

    Raises:
        UserError: the site profile cannot be read.
        Refusal: arrays are switched off here.
    """
    if scheduler == "lsf":
        return lsf_habits(spec).max_array_size or _LSF_DEFAULT
    if scheduler != "slurm":
        return 0
    if spec.slurm.max_array_size is not None:
        return spec.slurm.max_array_size
    site = read_site().slurm
    size = site.largest_array
    if size is None:
        size = _asked()
    if size == 0:
        raise Refusal(
            "job arrays are switched off here (MaxArraySize 0)",
            hint="set slurm.max_array_size if that is wrong; else use another scheduler",
        )
    return min(limit for limit in (size, site.max_submit_jobs, site.max_job_count) if limit)


def _asked() -> int:
    if shutil.which("scontrol") is None:
        return _DEFAULT
    config = slurm_site.read_config(slurm_site.show_config(_PATIENCE_S).text or "")
    parameters = config.get("SchedulerParameters", "")
    sizes = (
        re.fullmatch(r"(\d+)", config.get("MaxArraySize", "")),
        re.search(r"(?:^|,)max_array_tasks=(\d+)", parameters),
    )
    return min((int(size[1]) for size in sizes if size), default=_DEFAULT)
