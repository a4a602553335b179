"""The configuration of a private SLURM: everything in one directory, on the loopback address.

Options are those of slurm.conf(5), slurmdbd.conf(5), cgroup.conf(5) and gres.conf(5).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = socket.gethostname().partition(".")[0]
NODES = ("n1", "n2")

SLURM = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
# Nothing listens but on the loopback address.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until its old credential has expired: two minutes by default.
AuthInfo=socket={munge},cred_expire=10
StateSaveLocation={home}/{name}/state
SlurmdSpoolDir={home}/{name}/spool.%n
SlurmctldPidFile={home}/{name}/slurmctld.pid
SlurmdPidFile={home}/{name}/slurmd.%n.pid
SlurmctldLogFile={home}/logs/{name}.slurmctld.log
SlurmdLogFile={home}/logs/{name}.slurmd.%n.log
SlurmctldDebug=verbose
SlurmdDebug=verbose
MpiDefault=none
MailProg=/bin/true
ReturnToService=2

# Memory limits are enforced only where memory is a consumable resource.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
ProctrackType={proctrack}
TaskPlugin={task}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={munge}
{limits}

MaxArraySize={max_array_size}
# Two clusters on one machine share the control groups of a user: no job id may occur twice.
FirstJobId={first_job}

# Short timers: what takes minutes at a site takes seconds here.
KillWait=5
MinJobAge=60
OverTimeLimit=0
InactiveLimit=0
MessageTimeout=10
SlurmdTimeout=12
SlurmctldTimeout=10
CompleteWait=0
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1,bf_window=60

PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
Licenses=geant:2,madgraph:1
GresTypes=gpu

# More processors and memory than the machine may have, so that many small jobs run at once.
SlurmdParameters=config_overrides
{nodes}
PartitionName=DEFAULT Nodes=ALL State=UP MaxTime=INFINITE PreemptMode=OFF
PartitionName=main Default=YES PriorityTier=5
PartitionName=high PriorityTier=10
PartitionName=low PriorityTier=1 PreemptMode=CANCEL
PartitionName=lowgrace PriorityTier=1 PreemptMode=CANCEL GraceTime=6
PartitionName=lowrq PriorityTier=1 PreemptMode=REQUEUE
PartitionName=short PriorityTier=5 MaxTime=5
"""

NODE = (
    "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=16 RealMemory=4000"
    " Gres=gpu:1 Features={features}"
)
FEATURES = {"n1": "fast,avx2", "n2": "slow"}

CGROUP = """\
CgroupAutomount=yes
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
AllowedSwapSpace=0
"""

# Otherwise slurmd looks for control groups when it starts, though nothing would use them.
NO_CGROUP = "CgroupPlugin=cgroup/v1\n"

# A device that is no GPU: enough for --gres to be granted, and to wait when it is in use.
GRES = "Name=gpu File=/dev/null\n"

DATABASE_DAEMON = """\
AuthType=auth/munge
AuthInfo=socket={munge}
DbdHost={host}
DbdAddr=127.0.0.1
CommunicationParameters=NoInAddrAny
DbdPort={dbd}
SlurmUser=root
PidFile={home}/slurmdbd.pid
LogFile={home}/logs/slurmdbd.log
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadb}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
"""

# For sacctmgr, which must make the clusters known before there is one.
DATABASE_CLIENT = """\
ClusterName=none
SlurmctldHost={host}(127.0.0.1)
AuthInfo=socket={munge}
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={munge}
"""


@dataclass(frozen=True)
class Options:
    """What one cluster may have of its own."""

    max_array_size: int = 1001  # SLURM's default
    max_submit_jobs: int = 0  # of the user; 0 is no limit, and no limits are enforced
    enforce_memory: bool = True  # where this machine can
    first_job: int = 0  # 0: some number that other instances on this machine do not use


def slurm_conf(options: Options, values: Mapping[str, Any]) -> str:
    """slurm.conf; values: home, name, munge, dbd, ctld, first_job, enforced, ports by node."""
    nodes = [
        NODE.format(node=node, port=values[node], host=HOST, features=FEATURES[node])
        for node in NODES
    ]
    limits = "AccountingStorageEnforce=limits" if options.max_submit_jobs else ""
    return SLURM.format(
        **values,
        host=HOST,
        limits=limits,
        max_array_size=options.max_array_size,
        nodes="\n".join(nodes),
        proctrack="proctrack/cgroup" if values["enforced"] else "proctrack/linuxproc",
        task="task/cgroup" if values["enforced"] else "task/none",
    )
