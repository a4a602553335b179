"""Which hosts get a run's work, how much of it, and with how many threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farmhand.talk import say
from manifest.errors import Refusal, UserError
from manifest.hosts import Host, read_hosts
from manifest.preflight import HostReport, read_preflight
from manifest.shares import shares
from manifest.spec import Spec

_ASK_FIRST = "type first: farmhand doctor --hosts FILE --out preflight.json, and give --preflight"


def share_out(spec: Spec, hosts_file: str | None, preflight_file: str | None) -> Spec:
    """Return the spec with the hosts that get work, each with its weight, threads and slots.

    Where each host gets one shard, the spec also says how large these are.

    Raises:
        UserError: there are no hosts, or what is asked of them is not known.
    """
    hosts = read_hosts(hosts_file) if hosts_file is not None else spec.ssh.hosts
    if not hosts:
        raise UserError(
            "there are no hosts to work on",
            hint="give --hosts FILE, or name them under ssh: hosts: in the spec",
        )
    reports: dict[str, HostReport] | None = None
    if preflight_file is not None:
        reports = {report.name: report for report in read_preflight(preflight_file).hosts}
    chosen = [_settled(host, reports, spec) for host in _usable(hosts, reports, preflight_file)]
    if _one_shard_each(spec, chosen):
        return _by_weight(spec, chosen)
    ssh = spec.ssh.model_copy(update={"hosts": tuple(chosen), "split": "shards"})
    return spec.model_copy(update={"ssh": ssh})


def _usable(
    hosts: Sequence[Host], reports: Mapping[str, HostReport] | None, source: str | None
) -> list[Host]:
    found = []
    for host in hosts:
        report = None if reports is None else reports.get(host.name)
        if host.idle:
            say(f"{host.name}: weight 0, so it gets no work")
        elif reports is not None and report is None:
            raise UserError(
                f"nothing is known of host '{host.name}'",
                where=source,
                hint="look at the hosts again: farmhand doctor --hosts FILE --out FILE",
            )
        elif report is not None and not report.ok:
            say(f"{host.name}: did not answer in the preflight, so it gets no work")
        else:
            found.append(host)
    if not found:
        raise Refusal("no host is left to work on", hint="see above why")
    return found


def _settled(host: Host, reports: Mapping[str, HostReport] | None, spec: Spec) -> Host:
    """Return a host that says all about itself."""
    report = None if reports is None else reports[host.name]
    threads = host.threads or _threads(host, report, spec)
    policy = spec.ssh.weights or ("uniform" if report is None else "physical")
    cores = None
    if report is not None:
        cores = report.logical if policy == "logical" else report.physical
    if policy != "uniform" and report is None and host.weight is None:
        raise UserError(f"ssh.weights: {policy}, and no preflight says it", hint=_ASK_FIRST)
    weight = host.weight or (1.0 if policy == "uniform" else float(cores or 1))
    slots = host.slots or max(1, (cores or 1) // (threads or spec.resources.cpus or 1))
    if host.slots is None and report is not None and report.memory and spec.resources.memory:
        slots = max(1, min(slots, report.memory // spec.resources.memory))
    return host.model_copy(update={"weight": weight, "threads": threads, "slots": slots})


def _threads(host: Host, report: HostReport | None, spec: Spec) -> int | None:
    policy = spec.ssh.threads
    if policy is None or isinstance(policy, int):
        return policy
    if report is not None:
        return (report.logical if policy == "logical" else report.physical) or 1
    if policy == "auto":
        return None
    raise UserError(
        f"ssh.threads: {policy}, and no preflight says how many {host.name} has", hint=_ASK_FIRST
    )


def _one_shard_each(spec: Spec, hosts: Sequence[Host]) -> bool:
    countable = spec.work is not None and spec.work.count is not None and not spec.work.sizes
    if spec.ssh.split == "hosts" and not countable:
        raise UserError(
            "only a count is split by the weights of hosts",
            where="ssh.split: hosts",
            hint="say split: shards, or work: {count: …}",
        )
    if spec.ssh.split is None:
        return countable and spec.shards <= len(hosts)
    return spec.ssh.split == "hosts"


def _by_weight(spec: Spec, hosts: Sequence[Host]) -> Spec:
    assert spec.work is not None and spec.work.count is not None  # noqa: S101, PT018 (asked before)
    sizes = shares(spec.work.count, [host.weight or 1.0 for host in hosts])
    for host, size in zip(hosts, sizes, strict=True):
        if not size:
            say(f"{host.name}: its share of {spec.work.count} units comes to none; it is a spare")
    both = [(host, size) for host, size in zip(hosts, sizes, strict=True) if size]
    spare = [host for host, size in zip(hosts, sizes, strict=True) if not size]
    mine = [host.model_copy(update={"slots": 1}) for host in (*(host for host, _ in both), *spare)]
    return spec.model_copy(
        update={
            "work": spec.work.model_copy(update={"sizes": tuple(size for _, size in both)}),
            "shards": len(both),
            "ssh": spec.ssh.model_copy(update={"hosts": tuple(mine), "split": "hosts"}),
        }
    )
