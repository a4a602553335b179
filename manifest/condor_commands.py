"""The commands of an HTCondor submit file: what may stand under ``htcondor.commands``."""

from __future__ import annotations

import re

from manifest.nearest import nearest


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# condor_submit(1) of 23.0 to 25.x; what belongs to universes other than vanilla and container is
# left out, for the payload is a shell script.
COMMANDS = _names("""
accounting_group accounting_group_user allowed_execute_duration allowed_job_duration arguments
aws_region batch_id batch_name batch_project checkpoint_destination checkpoint_exit_code
concurrency_limits concurrency_limits_expr container_image container_service_names
container_target_dir copy_to_spool core_size coresize cron_day_of_month cron_day_of_week cron_hour
cron_minute cron_month cron_prep_time cron_window cuda_version deferral_prep_time deferral_time
deferral_window delegate_job_gsi_credentials_lifetime description docker_image docker_network_type
docker_override_entrypoint docker_pull_policy docker_send_credentials dont_encrypt_input_files
dont_encrypt_output_files email_attributes encrypt_execute_directory encrypt_input_files
encrypt_output_files environment erase_output_and_error_on_restart error executable getenv
gpus_maximum_capability gpus_minimum_capability gpus_minimum_memory gpus_minimum_runtime
gs_access_key_id_file gs_secret_access_key_file hold hold_kill_sig image_size initialdir input
job_ad_information_attrs job_lease_duration job_machine_attrs job_machine_attrs_history_length
job_max_vacate_time keep_claim_idle kill_sig kill_sig_timeout leave_in_queue load_profile log
log_xml manifest manifest_dir match_list_length max_idle max_job_retirement_time max_materialize
max_retries max_transfer_input_mb max_transfer_output_mb mount_under_scratch next_job_start_delay
nice_user notification notify_user on_exit_hold on_exit_hold_reason on_exit_hold_subcode
on_exit_remove output output_destination periodic_hold periodic_hold_reason periodic_hold_subcode
periodic_release periodic_remove periodic_vacate preserve_relative_paths primary_unix_group
priority public_input_files queue rank remove_kill_sig request_cpus request_disk request_gpus
request_memory require_gpus requirements retry_request_disk retry_request_memory
retry_request_memory_increase retry_request_memory_max retry_until run_as_owner
s3_access_key_id_file s3_secret_access_key_file scitokens_file shell should_transfer_files
skip_filechecks stack_size starter_debug starter_log stream_error stream_input stream_output
submit_event_notes submit_event_user_notes success_exit_code transfer_checkpoint_files
transfer_container transfer_error transfer_executable transfer_input transfer_input_files
transfer_output transfer_output_files transfer_output_remaps transfer_plugins ulog_execute_attrs
universe use_oauth_services use_scitokens use_x509userproxy want_graceful_removal want_io_proxy
when_to_transfer_output x509userproxy
""")
_JOBS = "farmhand says what a job runs and where its files go: command:, inputs:, outputs:"
OURS = {
    **dict.fromkeys(
        _names("""
        arguments error executable initialdir input log log_xml output
        preserve_relative_paths queue shell should_transfer_files submit_event_notes
        transfer_executable transfer_output_files transfer_output_remaps universe
        when_to_transfer_output
        """),
        _JOBS,
    ),
    "request_cpus": "say resources.cpus",
    "request_disk": "say resources.disk, so that resubmit can raise it",
    "request_gpus": "say resources.gpus",
    "request_memory": "say resources.memory, so that resubmit can raise it",
    "max_materialize": "say max_running",
    "batch_name": "jobs are found again by the name that farmhand gives them",
    **dict.fromkeys(
        _names("""
        accounting_group accounting_group_user container_image environment notification rank
        requirements
        """),
        "it has a key of its own under htcondor:",
    ),
    "on_exit_remove": "a job that is run again would overwrite what it returned",
    "max_retries": "a retried job would overwrite what it returned; farmhand resubmit does it",
    "retry_until": "a retried job would overwrite what it returned; farmhand resubmit does it",
    "hold": "type condor_submit -append 'hold = True'",
}
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_OUR_ATTRIBUTE = "farmhandsubmission"
_RESOURCES = ("cpus", "disk", "gpus", "memory")
URLS = "transfer_input_files"
"""The command that lists URLs, for HTCondor's plugins to fetch."""


def command_problem(name: str, value: str) -> str | None:
    """Return why a submit command cannot be given like this, or None."""
    lower = name.lower()
    if lower in OURS:
        return f"'{name}' is not for here: {OURS[lower]}"
    if lower not in COMMANDS:
        guess = nearest(lower, COMMANDS)
        meant = f"; did you mean '{guess}'?" if guess else ""
        if lower.startswith("request_"):
            meant += " (a resource that only your pool has goes under htcondor.custom_resources)"
        if lower.startswith(("+", "my.")):
            meant = "; attributes go under htcondor.attributes"
        return f"'{name}' is no submit command{meant}"
    if lower == URLS and not all(map(_URL.fullmatch, urls(value))):
        return f"'{name}' is for URLs only: files and directories are told under inputs:"
    return value_problem(value)


def urls(value: str) -> list[str]:
    """Return the URLs of a list that is separated by commas."""
    return [url.strip() for url in value.split(",")]


def attribute_problem(name: str) -> str | None:
    """Return why ``name`` cannot be an attribute of a job, or None."""
    if name.lower() == _OUR_ATTRIBUTE:
        return f"'{name}' is farmhand's own"
    if _ATTRIBUTE.fullmatch(name):
        return None
    return f"'{name}' is no attribute name: letters, digits and _ (farmhand writes the My.)"


def resource_problem(name: str) -> str | None:
    """Return why ``name`` cannot be a resource of the pool's own, or None."""
    if name.lower() in _RESOURCES:
        return f"'{name}' is not for here: say resources.{name.lower()}"
    return attribute_problem(name)


def variable_problem(name: str, value: str) -> str | None:
    """Return why HTCondor cannot set an environment variable like this, or None."""
    if not _ATTRIBUTE.fullmatch(name):
        return f"'{name}' is no name of a variable: letters, digits and _"
    if not value.isprintable():
        return f"{name}: {value!r} is no printable text on one line; say it under env:"
    # The one is looked up in the machine's ad, the other is how $ is written: no way to quote them.
    replaced = next((what for what in ("$$", "$(dollar)") if what in value.lower()), None)
    if replaced:
        return f"{name}: {value!r} has {replaced}, which HTCondor replaces; say it under env:"
    return None


def value_problem(value: str) -> str | None:
    """Return why a value cannot stand in a submit file, or None."""
    if not value.strip():
        return "a submit command needs a value; leave the key out instead"
    if not value.isprintable():
        return f"{value!r}: a submit command is one line of printable text"
    if value.rstrip().endswith("\\"):
        return f"{value!r}: a backslash at the end would join the next line to it"
    return None
