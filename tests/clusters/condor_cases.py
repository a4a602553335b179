"""What happens to the jobs of condor_capture: a case, more lines of a submit file, a command."""

from __future__ import annotations

HOME = "/tmp/pool"
RUN = f"{HOME}/jobs/toys"
RUN_ID = "6f1d2a44-8c1e-4b5e-9d53-0a7be1d2c3f4"
COMMON = f"""\
universe = vanilla
executable = /bin/sh
transfer_executable = false
should_transfer_files = NO
request_cpus = 1
request_memory = 50 MB
request_disk = 10 MB
log = {RUN}/$(case).log
output = out/$(case).$(Process).out
error = out/$(case).$(Process).err
submit_event_notes = farmhand {RUN_ID} 1 $(Process)
"""
STAGED = "should_transfer_files = YES\nwhen_to_transfer_output = ON_EXIT\n"
NOWHERE = 'requirements = (Machine == "nowhere")\n'
N1 = 'requirements = (Machine == "n1.farm")\n'
N2 = 'requirements = (Machine == "n2.farm")\n'
PYTHON = "executable = /usr/bin/python3\narguments = \"-c 'x = bytearray(400 << 20); {0}'\"\n"
MUCH = PYTHON.format("import time; time.sleep(600)")
UNTIL_GO = f"until [ -e {RUN}/out/go ]; do sleep 0.2; done"
ONCE = f"[ -e {RUN}/out/again.$1 ] && exit 0; : >{RUN}/out/again.$1; exec sleep 600"
CLOSED = f"initialdir = {RUN}/closed\noutput = $(Process).out\nerror = $(Process).err\n"

# What jobs do by themselves, and what stops them before they have begun.
ENDS = (
    ("success", "", "exit 0"),
    ("success-staged", STAGED, "exit 0"),
    ("exit-3", "", "exit 3"),
    ("exit-3-staged", STAGED, "exit 3"),
    ("signal-11", "", "kill -SEGV $$"),
    ("signal-9", "", "kill -KILL $$"),
    ("signal-11-staged", STAGED, "kill -SEGV $$"),
    ("exit-139", "", "exit 139"),
    ("memory", MUCH, ""),
    ("memory-staged", STAGED + MUCH, ""),
    ("no-executable", "executable = nowhere.sh\n", "exit 0"),
    ("no-executable-staged", f"{STAGED}transfer_executable = true\nexecutable = gone.sh\n", ""),
    ("no-executable-there", f"{STAGED}executable = /no/such/program\n", "exit 0"),
    ("no-interpreter", "executable = lost.sh\n", "exit 0"),
    ("not-executable", "executable = plain.txt\n", "exit 0"),
    ("other-user", f"{STAGED}executable = {RUN}/closed/run.sh\n", "exit 0"),
    ("other-user-reads", f"{STAGED}{CLOSED}", f"cat {RUN}/closed/run.sh"),
    ("no-input", f"{STAGED}transfer_input_files = out, missing.dat\n", "exit 0"),
    ("no-output", f"{STAGED}transfer_output_files = missing.json\n", "exit 0"),
    ("no-output-exit-3", f"{STAGED}transfer_output_files = missing.json\n", "exit 3"),
    ("no-stdout-folder", "output = nowhere/out.txt\n", "exit 0"),
    ("no-stdout-folder-staged", f"{STAGED}output = new/out.txt\n", "exit 0"),
    ("no-stderr-folder", "error = nowhere/err.txt\n", "exit 0"),
    ("no-stdin", "input = missing.txt\n", "exit 0"),
    ("no-directory", f"initialdir = {RUN}/gone\n", "exit 0"),
    ("input-too-large", f"{STAGED}max_transfer_input_mb = 1\ntransfer_input_files = large\n", ""),
    ("output-too-large", f"{STAGED}max_transfer_output_mb = 1\n", "head -c 3M /dev/zero >big"),
    ("on-exit-hold", "on_exit_hold = ExitCode != 0\n", "exit 4"),
    (
        "on-exit-hold-reason",
        'on_exit_hold = True\non_exit_hold_reason = "looked ill"\non_exit_hold_subcode = 77\n',
        "exit 4",
    ),
    ("periodic-hold", "periodic_hold = JobStatus == 2\n", "exec sleep 600"),
    ("periodic-remove", "periodic_remove = JobStatus == 2\n", "exec sleep 600"),
    ("undefined-policy", "on_exit_hold = NoSuchAttribute > 1\n", "exit 0"),
    ("system-hold", 'My.Case = "hold"\n', "exec sleep 600"),
    ("system-remove", 'My.Case = "remove"\n', "exec sleep 600"),
    ("execute-duration", f"{STAGED}allowed_execute_duration = 3\n", "exec sleep 600"),
    ("execute-duration-shared", "allowed_execute_duration = 3\n", "exec sleep 12"),
    ("job-duration", "allowed_job_duration = 3\n", "exec sleep 600"),
    ("retries", "max_retries = 2\n", "exit 5"),
    ("submitted-held", "hold = True\n", "exit 0"),
    ("no-notes", "submit_event_notes =\n", "exit 0"),
    ("user-notes", "submit_event_user_notes = for the user\n", "exit 0"),
    ("log-xml", "log_xml = True\n", "exit 3"),
)
SITE_POLICY = """\
SYSTEM_PERIODIC_HOLD = JobStatus == 2 && Case == "hold"
SYSTEM_PERIODIC_HOLD_REASON = "this site wants it so"
SYSTEM_PERIODIC_HOLD_SUBCODE = 9
SYSTEM_PERIODIC_REMOVE = JobStatus == 2 && Case == "remove"
"""
# What is done to jobs, by the words of a command that are followed by the number of the job. They
# go on until a file is there, those that begin again end at once.
TREATED = (
    ("hold", "", UNTIL_GO, "condor_hold"),
    ("hold-staged", STAGED, UNTIL_GO, "condor_hold"),
    ("hold-idle", NOWHERE, "exit 0", "condor_hold"),
    ("hold-admin", "", UNTIL_GO, "as-admin condor_hold -reason traffic -subcode 5"),
    ("release", "", UNTIL_GO, "condor_hold"),
    ("remove", "", UNTIL_GO, "condor_rm"),
    ("remove-staged", STAGED, UNTIL_GO, "condor_rm"),
    ("remove-idle", NOWHERE, "exit 0", "condor_rm"),
    ("remove-held", "", UNTIL_GO, "condor_hold"),
    ("remove-reason", "", UNTIL_GO, "condor_rm -reason finished-elsewhere"),
    ("remove-admin", "", UNTIL_GO, "as-admin condor_rm"),
    ("vacate", "", ONCE, "condor_vacate_job"),
    ("vacate-staged", STAGED, UNTIL_GO, "condor_vacate_job"),
    ("vacate-fast", "", ONCE, "condor_vacate_job -fast"),
    ("vacate-ignored", "", f"trap : TERM; {UNTIL_GO}; sleep 1", "condor_vacate_job"),
    ("vacate-last-words", "", f'trap ""exit 6"" TERM; {UNTIL_GO}', "condor_vacate_job"),
    ("suspend", "", UNTIL_GO, "condor_suspend"),
    ("shadow-killed", "", UNTIL_GO, "kill condor_shadow"),
    ("starter-killed", "", UNTIL_GO, "kill condor_starter"),
)
FACTORIES = (
    ("factory", "max_materialize = 2\n", "exit $(Process)", "5"),
    ("factory-items", "max_materialize = 2\n", "exit $(shard)", "element, shard from items"),
    ("factory-stalled", "max_materialize = 3\nexecutable = nowhere.sh\n", "exit 0", "10"),
    ("factory-idle", f"max_idle = 2\n{NOWHERE}", "exit 0", "10"),
    ("factory-removed", "max_materialize = 2\n", "exec sleep 600", "10"),
)
FORMATS = ("ISO_DATE", "UTC", "SUB_SECOND", "LEGACY", "ISO_DATE,UTC,SUB_SECOND")
