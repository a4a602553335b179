"""How LSF is set up here: from the spec, the site profile, LSF itself, or its own defaults."""

from __future__ import annotations

import shutil

from manifest.lsf_section import LsfHabits
from manifest.site import LsfSite, read_site
from manifest.spec import Spec
from runners import lsf_site


def lsf_habits(spec: Spec) -> LsfHabits:
    """Return what holds for this spec; LSF is asked only for what nobody has said.

    Raises:
        UserError: the site profile cannot be read.
    """
    said = spec.lsf.over(read_site().lsf)
    if None in (said.max_array_size, said.memory_unit, said.rusage_per):
        return said.over(measured_habits())
    return said


def measured_habits() -> LsfSite:
    """Return what LSF tells; what it does not tell is None."""
    found: dict[str, str] = {}
    if shutil.which("bparams") is not None:
        found = lsf_site.parameters(lsf_site.run("bparams", "-a").text or "")
    return LsfSite.model_validate(
        {
            "max_array_size": lsf_site.largest_index(found),
            "memory_unit": lsf_site.unit_for_limits(),
            "rusage_per": "slot" if lsf_site.reserves_by_slot(found) else None,
        }
    )
