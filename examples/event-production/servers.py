"""Start and stop the two stores of the example on this machine: XRootD, and S3 by moto.

    python3 servers.py up      start both, put the generator files there, write environment.sh
    python3 servers.py down    stop both and remove what they hold
    python3 servers.py kill    stop both at once (kill -9), in the middle of whatever they do
    python3 servers.py again   start both again; XRootD has its files, this S3 forgets everything

XRootD comes from Debian's xrootd-server and xrootd-client, moto and the AWS client from PyPI
(``pip install 'moto[server]' awscli``). Both listen on 127.0.0.1 only. XRootD does not run as root;
started by root, it becomes nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STATE = os.path.join(HERE, "servers.json")
CONFIG = """all.export /gen
all.adminpath {folder}/admin
all.pidpath {folder}/admin
oss.localroot {folder}/root
xrd.port {port}
xrd.network nodnr
xrootd.chksum adler32
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(port: int, name: str, log: str) -> None:
    """Wait until a server answers."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    with open(log, encoding="utf-8", errors="replace") as file:
        sys.exit(f"{name} does not answer; the end of {log}:\n{file.read()[-2000:]}")


def start(words: list[str], log: str) -> int:
    """Start a server in a session of its own; return its process id."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    return process.pid


def start_both(state: dict[str, object]) -> None:
    """Start the servers over what they hold."""
    folder = str(state["folder"])
    logs = [os.path.join(folder, name) for name in ("xrootd.log", "s3.log")]
    xrootd = [program("xrootd", "apt install xrootd-server xrootd-client")]
    xrootd += ["-R", "nobody"] if os.geteuid() == 0 else []
    xrootd += ["-c", os.path.join(folder, "xrootd.cfg")]
    moto = [program("moto_server", "pip install 'moto[server]' awscli"), "-H", "127.0.0.1"]
    moto += ["-p", str(state["s3"])]
    state["pids"] = [start(xrootd, logs[0]), start(moto, logs[1])]
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump(state, file)
    wait_for(int(str(state["xrootd"])), "xrootd", logs[0])
    wait_for(int(str(state["s3"])), "moto_server", logs[1])
    aws = program("aws", "pip install 'moto[server]' awscli")
    subprocess.run(
        [aws, "s3", "mb", "s3://production"],
        env={**os.environ, **environment(state)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def environment(state: dict[str, object]) -> dict[str, str]:
    """Return what the AWS client needs to find this S3."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{state['s3']}",
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def program(name: str, install: str) -> str:
    """Return the path of a program, or say where to get it."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed here: {install}")
    return found


def up() -> None:
    """Start both servers with fresh contents."""
    if os.path.exists(STATE):
        sys.exit("the servers are up; python3 servers.py down stops them")
    for name in ("xrdcp", "xrdfs"):
        program(name, "apt install xrootd-client")
    folder = tempfile.mkdtemp(prefix="farmhand-stores-")
    os.chmod(folder, 0o755)
    state: dict[str, object] = {"folder": folder, "xrootd": free_port(), "s3": free_port()}
    for name in ("admin", "root/gen"):
        os.makedirs(os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o777)
    with open(os.path.join(folder, "xrootd.cfg"), "w", encoding="utf-8") as file:
        file.write(CONFIG.format(folder=folder, port=state["xrootd"]))
    with open(os.path.join(HERE, "environment.sh"), "w", encoding="utf-8") as file:
        lines = (f"export {name}={value}\n" for name, value in environment(state).items())
        file.writelines(lines)
    start_both(state)
    words = [sys.executable, os.path.join(HERE, "make_data.py")]
    words += [os.path.join(folder, "root/gen"), f"root://localhost:{state['xrootd']}//gen"]
    subprocess.run(words, check=True)
    print("up: XRootD with the generator files, S3 with an empty bucket. Now type:")
    print("source environment.sh")


def stop(number: int) -> None:
    """Send a signal to both servers, and wait until they are gone."""
    with open(STATE, encoding="utf-8") as file:
        pids = json.load(file)["pids"]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
    for pid in pids:
        for _ in range(100):
            if not os.path.exists(f"/proc/{pid}/cmdline"):
                break
            time.sleep(0.1)


def main(verb: str) -> None:
    """Do what is asked."""
    if verb == "up":
        up()
        return
    if not os.path.exists(STATE):
        sys.exit("the servers are not up; python3 servers.py up starts them")
    with open(STATE, encoding="utf-8") as file:
        state = json.load(file)
    if verb == "kill":
        stop(signal.SIGKILL)
    elif verb == "again":
        start_both(state)
    else:
        stop(signal.SIGTERM)
        shutil.rmtree(state["folder"], ignore_errors=True)
        os.unlink(STATE)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("up", "down", "kill", "again"):
        sys.exit(__doc__)
    main(sys.argv[1])
