"""The configuration of a private HTCondor pool: one directory, one port of the loopback address.

Macros are those of "Configuration Macros" in HTCondor's manual. The nodes are startds of their own
on this machine: n1 and n2 share its files and run jobs as their owners; w1 stands for a machine
where the user has neither files nor an account. Jobs with should_transfer_files = YES run there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHARED_NODES = ("n1", "n2")
CLOSED_NODE = "w1"
NODES = (*SHARED_NODES, CLOSED_NODE)
DOMAIN = "farm"

POOL = """\
RELEASE_DIR = {root}/usr
LOCAL_DIR = {home}
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
REQUIRE_LOCAL_CONFIG_FILE = False
BIN = $(RELEASE_DIR)/bin
SBIN = $(RELEASE_DIR)/sbin
LIB = $(RELEASE_DIR)/lib
LIBEXEC = $(RELEASE_DIR)/libexec/condor
SHARE = $(RELEASE_DIR)/share/condor
RUN = $(LOCAL_DIR)/run
LOG = $(LOCAL_DIR)/log
LOCK = $(LOCAL_DIR)/lock
LOCAL_DISK_LOCK_DIR = $(LOCK)
DAEMON_SOCKET_DIR = $(LOCAL_DIR)/sock
SPOOL = $(LOCAL_DIR)/spool
ETC = $(LOCAL_DIR)/etc
EXECUTE = $(LOCAL_DIR)/execute
MAIL = /bin/true
# The daemons' own files belong to a system account that every machine has.
CONDOR_IDS = {ids}
# The master changes settings of the kernel, and writes them into /etc, unless it is told not to.
ENABLE_KERNEL_TUNING = False

# Everything goes through one port, and nothing listens but on the loopback address.
NETWORK_INTERFACE = 127.0.0.1
NETWORK_HOSTNAME = head.{domain}
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:{port}
USE_SHARED_PORT = True
SHARED_PORT_PORT = {port}

UID_DOMAIN = {domain}
FILESYSTEM_DOMAIN = {domain}
TRUST_UID_DOMAIN = True
# Whoever can make a file on this machine as a user is that user.
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = root@{domain} {account}@{domain}
ALLOW_NEGOTIATOR = $(ALLOW_DAEMON)
ALLOW_ADMINISTRATOR = $(ALLOW_DAEMON)

# What takes minutes at a site takes seconds here.
UPDATE_INTERVAL = 5
POLLING_INTERVAL = 1
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 2
STARTER_INITIAL_UPDATE_INTERVAL = 1
STARTER_UPDATE_INTERVAL = 2
SHADOW_QUEUE_UPDATE_INTERVAL = 2
PROCD_MAX_SNAPSHOT_INTERVAL = 1
JOB_DEFAULT_LEASE_DURATION = 60
MachineMaxVacateTime = 5
MASTER_BACKOFF_CONSTANT = 1
MASTER_BACKOFF_FACTOR = 1
RUNBENCHMARKS = 0

# A job that uses more memory than it asked for is held, by the node's look every second: without
# control groups nothing kills it, and with them the kernel would be faster on some machines only.
use POLICY : HOLD_IF_MEMORY_EXCEEDED
BASE_CGROUP =

# More processors and memory than the machine may have, so that many small jobs run at once.
NUM_CPUS = {cpus}
MEMORY = {memory}
# Run directories of tests are below /tmp: jobs must see them.
MOUNT_UNDER_SCRATCH =
JAVA =
FILETRANSFER_PLUGINS = $(LIBEXEC)/curl_plugin, $(LIBEXEC)/data_plugin

MAX_JOBS_PER_SUBMISSION = {max_jobs_per_submission}
{extra}
"""

HEAD = """\
include : {home}/condor_config
use ROLE : CentralManager
use ROLE : Submit
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD {startds}
"""
STARTD = """\
{startd} = $(SBIN)/condor_startd
{startd}_ARGS = -f -local-name {node}
{startd}_ENVIRONMENT = "CONDOR_CONFIG={home}/{node}.conf"
"""

NODE = """\
include : {home}/condor_config
use ROLE : Execute
NETWORK_HOSTNAME = {node}.{domain}
EXECUTE = $(LOCAL_DIR)/execute.{node}
STARTD_CLAIM_ID_FILE = $(LOG)/.claim_id.{node}
STARTER_LOG = $(LOG)/StarterLog.{node}
"""
SHARED = """\
START = TARGET.ShouldTransferFiles =!= "YES"
"""
CLOSED = """\
FILESYSTEM_DOMAIN = {node}.{domain}
STARTER_ALLOW_RUNAS_OWNER = False
"""


@dataclass(frozen=True)
class Options:
    """What one pool may have of its own."""

    cpus: int = 8  # of every node
    memory: int = 4000  # MB
    max_jobs_per_submission: int = 20_000  # HTCondor's default
    extra: str = ""  # more lines of configuration


def startd(node: str) -> str:
    """The name by which condor_on(1) and condor_off(1) know a node."""
    return f"STARTD_{node.upper()}"


def write(home: Path, values: dict[str, object]) -> None:
    """Write the users' condor_config and those of the daemons.

    Values: root, port, account, ids (of that account), and the fields of Options.
    """
    values |= {"home": home, "domain": DOMAIN}
    startds = {node: startd(node) for node in NODES}
    head = HEAD.format(**values, startds=" ".join(startds.values()))
    head += "".join(
        STARTD.format(**values, node=node, startd=name) for node, name in startds.items()
    )
    texts = {"condor_config": POOL.format(**values), "head.conf": head}
    for node in NODES:
        more = CLOSED if node == CLOSED_NODE else SHARED
        texts[f"{node}.conf"] = (NODE + more).format(**values, node=node)
    for name, text in texts.items():
        (home / name).write_text(text, encoding="utf-8")
