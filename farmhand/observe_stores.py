"""Listing the destinations of outputs: each directory once, whatever the number of shards."""

from __future__ import annotations

from collectors.destination import Folder, Listing, Silence, folders_of, read_listing
from collectors.run_facts import RunFacts
from manifest.layout import blocks
from manifest.site import read_site
from manifest.staging import Staging
from manifest.transfers import scheme_of
from runners.asked import shortened
from runners.storage import list_below


def list_stores(facts: RunFacts) -> Listing:
    """Return what lies at the destinations; what gives no answer is silent, never empty."""
    urls = (
        url
        for number in range(blocks(facts.shards))
        for shard in facts.destinations(number)
        for url in shard.values()
    )
    staging = facts.spec.staging.at(read_site().transfers)
    files: dict[str, int] = {}
    listed: list[str] = []
    silent: list[Silence] = []
    for folder in folders_of(urls):
        found = _listed(staging, folder)
        if isinstance(found, Silence):
            silent.append(found)
        else:
            listed.append(f"{folder.plain}/")
            files |= found
    return Listing(files, tuple(listed), tuple(silent))


def _listed(staging: Staging, folder: Folder) -> dict[str, int] | Silence:
    scheme = scheme_of(folder.url)
    transfer = staging.transfer(scheme)
    if transfer is None or not transfer.list:
        return Silence(folder, f"nobody has said how {scheme}:// is listed", answers=False)
    answer = list_below(transfer.list, f"{folder.url}/")
    if answer.text is None:
        return Silence(folder, str(answer.problem))
    found, strange = read_listing(answer.text, folder.plain)
    if strange is not None:
        return Silence(folder, f"this line of its listing is none: {shortened(strange)}")
    return found
