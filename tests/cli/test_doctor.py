"""``farmhand doctor`` without SLURM, with stand-ins that fail or hang, and with a real SLURM."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from farmhand import doctor, doctor_host, doctor_tickets
from manifest.site import SlurmSite, parse_site
from runners.filesystem import Filesystem, Quota

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm

CONFIG = """\
Configuration data as of 1795436486
AccountingStorageEnforce = {enforce}
AccountingStorageType   = {accounting}
ClusterName             = farm
JobSubmitPlugins        = (null)
MaxArraySize            = {size}
MaxJobCount             = 10000
MinJobAge               = 300 sec
SchedulerParameters     = {parameters}
SLURM_VERSION           = 22.05.8
"""
VALUES = {
    "enforce": "none",
    "accounting": "accounting_storage/slurmdbd",
    "size": "1001",
    "parameters": "(null)",
}
PARTITIONS = "main|main*|up|1-02:00:00|n/a|2|8|4000\nmain|main*|up|1-02:00:00|n/a|1|4|9000\n"
OLD = "old|old|inact|infinite|n/a|1|4|2000\n"


class Machine:
    """Which commands there are: bash and a few others, and stand-ins."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.bin = path / "bin"
        self.bin.mkdir()
        for name in ("bash", "cat", "flock", "setsid", "openssl", "sleep"):
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def has(self, name: str, text: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{self.bin}/bash\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def lacks(self, name: str) -> None:
        (self.bin / name).unlink()

    def slurm(self, partitions: str = PARTITIONS, **values: str) -> None:
        for name in ("sbatch", "squeue", "sacct", "sacctmgr"):
            self.has(name, "")
        self.has("scontrol", f"cat <<'E'\n{CONFIG.format(**(VALUES | values))}E")
        self.has("sinfo", f"cat <<'E'\n{partitions}E")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("FARMHAND_SITE", "XDG_CONFIG_HOME", "X509_USER_PROXY", "SLURM_CONF"):
        monkeypatch.delenv(name, raising=False)
    return made


def lines(text: str) -> dict[str, tuple[str, str]]:
    """Return about -> (mark, text) of the lines printed; the last of those about the same."""
    found = {}
    for line in text.splitlines():
        mark, about = line[:3].strip(), line[5:].partition(": ")
        found[about[0]] = (mark, about[2])
    return found


def test_a_machine_without_any_scheduler_is_fine(farm: Any, machine: Machine) -> None:
    said = farm("doctor")
    found = lines(said.out)
    assert found["SLURM"] == ("--", "not on this machine")
    assert found["bash"][0] == found["space"][0] == "ok"
    assert found["filesystem"][1].startswith(f"{farm.path} is on ")
    assert found["site profile"][0] == "--"
    assert not found.keys() & {"accounting", "pyslurm", "job arrays", "Kerberos", "AFS"}
    assert said.err == ""


def test_a_scheduler_that_hangs_is_asked_once(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARMHAND_SCHEDULER_TIMEOUT", "0.5")
    machine.slurm()
    machine.has("scontrol", "sleep 600")
    for name in ("sinfo", "sacct"):
        machine.has(name, f"echo >{farm.path}/asked; sleep 600")
    said = farm("doctor", code=1)
    found = lines(said.out)
    assert said.out.count("SLURM") == 2
    assert "BAD  SLURM: does not answer: scontrol did not answer within 0.5 s\n" in said.out
    assert found["SLURM"] == ("--", "was not asked any further")
    assert found["space"][0] == "ok"
    assert "1 of 8 findings are BAD" in said.err
    assert not (farm.path / "asked").exists()


def test_commands_of_which_some_are_missing(farm: Any, machine: Machine) -> None:
    machine.slurm()
    machine.lacks("sbatch")
    assert lines(farm("doctor", code=1).out)["SLURM"] == (
        "BAD", "sbatch not on PATH, others are",
    )  # fmt: skip


def test_what_slurm_offers(farm: Any, machine: Machine) -> None:
    machine.slurm(PARTITIONS + OLD)
    found = lines(farm("doctor").out)
    assert found["SLURM"] == ("ok", "22.05.8, cluster farm")
    assert found["job arrays"] == ("ok", "up to 1,001 elements (MaxArraySize 1001)")
    assert found["jobs"][1].startswith("10,000 of everybody")
    assert found["partition main (default)"] == (
        "ok", "up to 1d02h, 3 nodes of up to 8 cpus and 9,000 MB",
    )  # fmt: skip
    assert found["partition old"][0] == "--"
    assert found["accounting"] == ("ok", "sacct answers (slurmdbd)")
    assert found["pyslurm"][0] == "--"


@pytest.mark.parametrize(
    ("values", "about", "expected"),
    [
        ({"size": "0"}, "job arrays", ("BAD", "switched off here (MaxArraySize 0)")),
        ({"size": "(null)"}, "job arrays", ("BAD", "no MaxArraySize")),
        (
            {"parameters": "defer,max_array_tasks=50,bf_interval=9"},
            "job arrays", ("ok", "up to 50 elements (MaxArraySize 1001, max_array_tasks 50)"),
        ),
        ({"parameters": "max_array_tasks=0"}, "job arrays", ("BAD", "switched off")),
        (
            {"accounting": "accounting_storage/none"},
            "accounting", ("--", "none here; squeue tells of jobs for 300 sec after their end"),
        ),
        ({"enforce": "associations,limits"}, "jobs", ("ok", "no limit to yours")),
        ({"partitions": ""}, "partitions", ("BAD", "none that you may use")),
        ({"partitions": OLD}, "partitions", ("--", "specs have to say slurm.partition")),
    ],
)  # fmt: skip
def test_what_a_configuration_means(
    farm: Any, machine: Machine, values: dict[str, str], about: str, expected: tuple[str, str]
) -> None:
    machine.slurm(**values)
    mark, text = lines(farm("doctor", code=int(expected[0] == "BAD")).out)[about]
    assert mark == expected[0]
    assert expected[1] in text


def test_an_accounting_or_partitions_that_do_not_answer(farm: Any, machine: Machine) -> None:
    machine.slurm()
    machine.has("sacct", "echo 'sacct: error: Problem talking to the database: x' >&2; exit 1")
    machine.has("sinfo", "echo 'slurm_load_partitions: Socket timed out' >&2; exit 1")
    found = lines(farm("doctor", code=1).out)
    assert found["accounting"] == (
        "BAD", "sacct: Problem talking to the database: x (slurmdbd)",
    )  # fmt: skip
    assert found["partitions"] == ("BAD", "sinfo: Socket timed out")


LIMITS = """case "$*" in
*withassoc*) echo 'theory|physics|9|'; echo 'theory|theory|{own}|{quality}';;
*qos*) echo 'normal|40'; echo 'long|'; echo 'short|3';;
esac"""


@pytest.mark.parametrize(
    ("own", "quality", "text"),
    [
        ("50", "", "40 of yours at a time, elements counted (MaxSubmitJobs of QOS normal)"),
        ("50", "long", "50 of yours at a time, elements counted (MaxSubmitJobs of account theory)"),
        ("", "long", "no limit to yours that SLURM tells of"),
        ("1", "short", "1 of yours at a time, elements counted (MaxSubmitJobs of account theory)"),
    ],
)
def test_the_limit_on_ones_own_jobs(
    farm: Any, machine: Machine, own: str, quality: str, text: str
) -> None:
    machine.slurm(enforce="associations,limits,safe")
    machine.has("sacctmgr", LIMITS.format(own=own, quality=quality))
    assert lines(farm("doctor").out)["jobs"] == ("ok", text)


# ── pyslurm ─────────────────────────────────────────────────────────────────────────────────────

WORKING = """\
class C:
    open = classmethod(lambda c: c)
    close = classmethod(lambda c: None)
class db:
    Connection = C
__version__ = "25.11.0"
"""


@pytest.mark.parametrize(
    ("module", "mark", "text"),
    [
        (WORKING, "ok", "25.11.0 answers"),
        ("raise ImportError('libslurm.so.42: no')", "--", "(ImportError: libslurm.so.42: no)"),
        ("import os; os.abort()", "--", "pyslurm was ended by signal 6"),
        ("import time; time.sleep(600)", "--", "no answer within 3 s"),
    ],
)
def test_pyslurm_is_tried_where_it_can_do_no_harm(
    farm: Any, machine: Machine, module: str, mark: str, text: str
) -> None:
    machine.patch.setenv("FARMHAND_SCHEDULER_TIMEOUT", "3")
    machine.slurm()
    (farm.path / "lib").mkdir()
    (farm.path / "lib/pyslurm.py").write_text(module, encoding="utf-8")
    machine.patch.syspath_prepend(str(farm.path / "lib"))
    machine.patch.setenv("PYTHONPATH", str(farm.path / "lib"))
    found = lines(farm("doctor").out)["pyslurm"]
    assert found[0] == mark
    assert text in found[1]


# ── this machine ────────────────────────────────────────────────────────────────────────────────


def mount(kind: str, where: str, *options: str) -> Filesystem:
    return Filesystem(kind, where, "src", frozenset(options))


def always(value: Any) -> Callable[..., Any]:
    return lambda *_: value


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("GNU bash, version 4.1.2(1)-release (x86_64)", "BAD"),
        ("GNU bash, version 4.2.46(2)-release (x86_64)", "ok"),
        ("GNU bash, version 5.2.15(1)-release (x86_64)", "ok"),
        ("no bash at all", "BAD"),
    ],
)
def test_the_bash_on_path_has_to_be_new_enough(
    farm: Any, machine: Machine, said: str, mark: str
) -> None:
    machine.lacks("bash")
    path = machine.bin / "bash"
    path.write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
    path.chmod(0o755)
    assert lines(farm("doctor", code=int(mark == "BAD")).out)["bash"][0] == mark


def test_what_payloads_need_is_missed(farm: Any, machine: Machine) -> None:
    for name in ("bash", "flock", "setsid"):
        machine.lacks(name)
    found = lines(farm("doctor", code=1).out)
    assert found["bash"] == ("BAD", "not on PATH, and every job starts with it")
    assert found["util-linux"][1].startswith("flock and setsid not on PATH")


@pytest.mark.parametrize(
    ("mounted", "alone", "scheduled", "text"),
    [
        (mount("ext4", "/"), "ok", "--", "which other nodes do not see"),
        (mount("tmpfs", "/tmp"), "--", "BAD", "after a reboot, and no other machine sees it"),
        (mount("nfs4", "/home"), "ok", "ok", "another may see a minute later"),
        (mount("lustre", "/work", "flock"), "ok", "ok", "is on lustre"),
        (mount("lustre", "/work"), "--", "--", "without file locks"),
        (mount("gpfs", "/gpfs"), "ok", "ok", "is on gpfs"),
        (mount("afs", "/afs"), "--", "--", "only with a token on their node"),
        (mount("fuse.eosxd", "/eos"), "--", "--", "HTCondor cannot keep its event log here"),
        (mount("fuse.sshfs", "/mnt/far"), "--", "--", "only where it is mounted for them"),
        (mount("new", "/new"), "ok", "ok", "is on new"),
    ],
)
def test_filesystems_are_judged_by_kind(  # noqa: PLR0913, PLR0917 (a table of judgements)
    farm: Any, machine: Machine, mounted: Filesystem, alone: str, scheduled: str, text: str
) -> None:
    for module in (doctor, doctor_host):
        machine.patch.setattr(module, "filesystem_of", always(mounted))
    assert lines(farm("doctor").out)["filesystem"][0] == alone
    machine.slurm()
    mark, said = lines(farm("doctor", code=int(scheduled == "BAD")).out)["filesystem"]
    assert mark == scheduled
    assert text in said


def test_a_real_filesystem_in_memory(farm: Any, machine: Machine) -> None:
    found = lines(farm("doctor", "/dev/shm").out)
    assert found["filesystem"][0] == "--"
    assert found["filesystem"][1].startswith("/dev/shm is on tmpfs")


@pytest.mark.parametrize(
    ("quota", "mark", "text"),
    [
        (Quota(90 << 20, 100 << 20, 5, None, False), "ok", "90 MB of 100 MB"),
        (Quota(96 << 20, 100 << 20, 5, None, False), "BAD", "96 MB of 100 MB"),
        (Quota(1 << 20, None, 1000, 1000, False), "BAD", "1,000 files of 1,000 files"),
        (Quota(1 << 20, 100 << 20, 1, 9, True), "BAD", "1 MB of 100 MB and 1 files of 9 files"),
    ],
)
def test_a_quota_that_is_nearly_used_up(
    farm: Any, machine: Machine, quota: Quota, mark: str, text: str
) -> None:
    machine.patch.setattr(doctor_host, "quota_on", always(quota))
    assert lines(farm("doctor", code=int(mark == "BAD")).out)["quota"] == (mark, text)


@pytest.mark.parametrize(
    ("free", "files", "mark"),
    [(2 << 30, 20_000, "ok"), (1 << 29, 20_000, "BAD"), (2 << 30, 5, "BAD")],
)
def test_room_that_is_nearly_used_up(
    farm: Any, machine: Machine, free: int, files: int, mark: str
) -> None:
    status = SimpleNamespace(f_bavail=free >> 12, f_frsize=4096, f_files=10**6, f_favail=files)
    machine.patch.setattr(doctor_host.os, "statvfs", always(status))
    assert lines(farm("doctor", code=int(mark == "BAD")).out)["space"][0] == mark


def test_a_directory_that_cannot_be_written(farm: Any) -> None:
    (farm.path / "closed").mkdir(mode=0o555)
    said = farm.process("doctor", "closed", before=farm.ordinary(), code=1)
    assert f"BAD  directory: {farm.path}/closed cannot be written\n" in said.out


def test_the_directory_that_is_meant(farm: Any, machine: Machine) -> None:
    (farm.path / "a").mkdir()
    (farm.path / "a/file").touch()
    assert f"{farm.path}/a is on" in farm("doctor", "--out-dir", "a/b/c").out
    assert f"{farm.path}/a is on" in farm("doctor", "a/file").out
    said = farm("doctor", "gone", code=2)
    assert "there is no such run" in said.err


# ── tickets ─────────────────────────────────────────────────────────────────────────────────────

KLIST = """Ticket cache: FILE:/tmp/krb5cc_1000
Default principal: bob@CERN.CH

Valid starting     Expires            Service principal
{start}  {end}  krbtgt/CERN.CH@CERN.CH
\trenew until 11/30/26 11:19:42
"""
HEIMDAL = """Credentials cache: FILE:/tmp/krb5cc_1000
        Principal: bob@CERN.CH

  Issued                Expires               Principal
{start}  {end}  krbtgt/CERN.CH@CERN.CH
"""


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%m/%d/%y %H:%M:%S", KLIST),
        ("%m/%d/%Y %H:%M:%S", KLIST),
        ("%b %d %H:%M:%S %Y", HEIMDAL),
    ],
)
def test_how_long_a_kerberos_ticket_lasts(
    farm: Any, machine: Machine, form: str, text: str
) -> None:
    now = time.time()
    start, end = (time.strftime(form, time.localtime(now + s)) for s in (-100, 36_000 + 30))
    listing = text.format(start=start, end=end)
    machine.has("klist", f"[ \"$1\" = -s ] && exit 0; cat <<'E'\n{listing}E")
    mark, said = lines(farm("doctor").out)["Kerberos"]
    assert (mark, said) == ("ok", "a valid ticket, 10h00m left")


def test_a_ticket_is_missed_where_the_filesystem_needs_it(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has("klist", "echo 'klist: No credentials cache found' >&2; exit 1")
    assert lines(farm("doctor").out)["Kerberos"] == ("--", "no ticket")
    monkeypatch.setattr(doctor, "filesystem_of", always(mount("nfs4", "/x", "sec=krb5p")))
    assert lines(farm("doctor", code=1).out)["Kerberos"] == ("BAD", "no ticket; type kinit")
    old = KLIST.format(start="11/23/20 12:38:02", end="11/23/20 12:38:42")
    machine.has("klist", f"[ \"$1\" = -s ] && exit 1; cat <<'E'\n{old}E")
    assert "has expired" in lines(farm("doctor", code=1).out)["Kerberos"][1]


def test_afs_tokens(farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "echo 'Tokens held by the Cache Manager:'; echo;"
    machine.has("tokens", f"{head} echo '   --End of list--'")
    assert lines(farm("doctor").out)["AFS"] == ("--", "no token")
    monkeypatch.setattr(doctor, "filesystem_of", always(mount("afs", "/afs")))
    assert lines(farm("doctor", code=1).out)["AFS"] == ("BAD", "no token; type aklog")
    token = "User's (AFS ID 1000) rxkad tokens for cern.ch [Expires Nov 24 08:00]"
    machine.has("tokens", f'{head} echo "{token}"; echo "   --End of list--"')
    assert lines(farm("doctor").out)["AFS"] == ("ok", "token for cern.ch until Nov 24 08:00")


def test_a_real_certificate_as_grid_proxy(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = farm.path / "proxy"
    monkeypatch.setenv("X509_USER_PROXY", str(path))
    assert lines(farm("doctor", code=1).out)["grid proxy"][0] == "BAD"
    path.write_text("no certificate\n", encoding="utf-8")
    assert "could not be read" in lines(farm("doctor").out)["grid proxy"][1]
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    argv += ["-subj", "/CN=bob", "-keyout", "key", "-out", str(path)]
    subprocess.run(argv, cwd=farm.path, check=True, capture_output=True)
    mark, said = lines(farm("doctor").out)["grid proxy"]
    assert mark == "ok"
    assert said.startswith((f"{path}, 23h59m left", f"{path}, 1d00h left"))
    later = SimpleNamespace(time=lambda: time.time() + 2 * 86400)
    monkeypatch.setattr(doctor_tickets, "time", later)
    found = lines(farm("doctor", code=1).out)["grid proxy"]
    assert found == ("BAD", f"{path} has expired")


# ── the site profile ────────────────────────────────────────────────────────────────────────────


def profile(path: Path) -> SlurmSite:
    return parse_site(path.read_bytes(), str(path)).slurm


def test_what_was_measured_is_written_once(farm: Any, machine: Machine) -> None:
    machine.slurm(parameters="max_array_tasks=50")
    path = farm.path / ".config/farmhand/site.yaml"
    said = farm("doctor", "--write")
    assert said.err == f"written: {path}\n"
    found = profile(path)
    assert (found.version, found.max_array_size, found.largest_array) == ("22.05.8", 1001, 50)
    assert found.partitions["main"].max_walltime == 93_600
    assert found.partitions["main"].default
    before = path.read_bytes()
    assert farm("doctor", "--write").err == f"unchanged: {path}\n"
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["site.yaml"]
    assert lines(farm("doctor").out)["site profile"] == ("ok", str(path))


def test_what_a_person_added_stays_and_the_change_is_shown(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.slurm()
    path, target = farm.path / "site.yaml", farm.path / "dotfiles.yaml"
    old = (
        "# mine\nslurm:\n  max_array_size: 5\n  max_array_tasks: 3\n  max_submit_jobs: 77\n"
        "  partitions: {hidden: {max_walltime: 4h}, main: {nodes: 99}}\n"
    )
    target.write_text(old, encoding="utf-8")
    path.symlink_to(target)
    monkeypatch.setenv("FARMHAND_SITE", str(path))
    said = farm("doctor", code=1)
    mark, text = lines(said.out)["site profile"]
    assert mark == "BAD"
    assert "max_array_size is 5 there and 1001 in SLURM" in text
    assert "max_array_tasks is 3 there and unset in SLURM" in text
    said = farm("doctor", "--write", code=1)  # it was stale when it was looked at
    assert "-  max_array_size: 5\n" in said.err
    assert "+  max_array_size: 1001\n" in said.err
    found = profile(path)
    assert (found.max_array_size, found.max_array_tasks, found.max_submit_jobs) == (1001, None, 77)
    assert found.partitions["hidden"].max_walltime == 4 * 3600
    assert found.partitions["main"].nodes == 3
    assert path.is_symlink()
    assert Path(f"{target}~").read_text(encoding="utf-8") == old


def test_nothing_measured_is_nothing_written(farm: Any, machine: Machine) -> None:
    said = farm("doctor", "--write", code=1)
    assert "no scheduler has answered" in said.err
    assert not (farm.path / ".config").exists()


def test_a_profile_named_and_not_there_yet(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.slurm()
    monkeypatch.setenv("FARMHAND_SITE", str(farm.path / "new/site.yaml"))
    farm("doctor", "--write")
    assert profile(farm.path / "new/site.yaml").max_array_size == 1001


def test_a_damaged_profile_is_found_and_not_overwritten(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.slurm()
    path = farm.path / "site.yaml"
    path.write_text("slurm:\n  max_aray_size: 5\n", encoding="utf-8")
    monkeypatch.setenv("FARMHAND_SITE", str(path))
    mark, text = lines(farm("doctor", code=1).out)["site profile"]
    assert mark == "BAD"
    assert f"unknown key 'max_aray_size' in the site profile ({path}:2" in text
    assert "did you mean 'max_array_size'?" in farm("doctor", "--write", code=2).err
    assert "max_aray_size" in path.read_text(encoding="utf-8")


def test_a_profile_that_cannot_be_written(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.slurm()
    (farm.path / "file").touch()
    monkeypatch.setenv("FARMHAND_SITE", str(farm.path / "file/site.yaml"))
    assert "the site profile cannot be read" in farm("doctor", "--write", code=2).err
    monkeypatch.setenv("FARMHAND_SITE", "/proc/nowhere/site.yaml")
    assert "the site profile cannot be written" in farm("doctor", "--write", code=2).err


def test_json_says_the_same(farm: Any, machine: Machine) -> None:
    machine.slurm(size="0")
    said = farm("doctor", "--json", "--write", code=1)
    answer = json.loads(said.out)
    marks = {item["about"]: item["mark"] for item in answer["findings"]}
    assert (marks["job arrays"], marks["SLURM"]) == ("BAD", "ok")
    assert answer["slurm"]["max_array_size"] == 0
    assert answer["slurm"]["partitions"]["main"]["max_walltime"] == 93_600
    assert answer["written"] == str(farm.path / ".config/farmhand/site.yaml")


# ── a real SLURM ────────────────────────────────────────────────────────────────────────────────


def doctored(slurm: Slurm, *words: str) -> tuple[dict[str, tuple[str, str]], Path]:
    """Type ``farmhand doctor --write`` as the user; return what it says and the profile."""
    run = slurm.workspace()
    argv = [sys.executable, "-m", "farmhand", "doctor", "--write", *words]
    env = {"FARMHAND_SITE": str(run / "site.yaml")}
    return lines(slurm.run_as_user(argv, cwd=run, env=env).stdout), run / "site.yaml"


def test_a_real_slurm(slurm: Slurm) -> None:
    found, path = doctored(slurm)
    assert {"BAD"}.isdisjoint(mark for mark, _ in found.values())
    assert found["job arrays"] == ("ok", "up to 1,001 elements (MaxArraySize 1001)")
    assert found["partition short"][1].startswith("up to 5m00s, 2 nodes of up to ")
    assert found["accounting"] == ("ok", "sacct answers (slurmdbd)")
    written = profile(path)
    assert (written.cluster, written.max_array_size, written.max_job_count) == (
        "main", 1001, 10_000,
    )  # fmt: skip
    assert written.partitions["main"].default
    assert written.partitions["main"].max_walltime is None
    assert written.partitions["short"].max_walltime == 300


def test_real_limits(small_slurm: Slurm, limited_slurm: Slurm) -> None:
    found, path = doctored(small_slurm)
    assert found["job arrays"] == ("ok", "up to 11 elements (MaxArraySize 11)")
    assert profile(path).largest_array == 11
    found, path = doctored(limited_slurm)
    assert found["jobs"][1].startswith("5 of yours at a time")
    assert profile(path).max_submit_jobs == 5
