import io
import threading
from pathlib import Path
from typing import Any

from runners.follow import Follower, follow


def attempt(tmp_path: Path, name: str) -> tuple[Path, Path]:
    directory = tmp_path / "shards" / name / "1.2.3"
    directory.mkdir(parents=True)
    return directory / "stdout", directory / "stderr"


def test_only_what_is_new_is_shown_byte_for_byte(tmp_path: Path) -> None:
    stdout, stderr = attempt(tmp_path, "s0")
    out = io.BytesIO()
    follower = Follower(out)
    assert follower.poll([str(stdout), str(stderr)]) == 0
    stdout.write_bytes(b"one\n\xff")
    assert follower.poll([str(stdout), str(stderr)]) == 5
    with stdout.open("ab") as file:
        file.write(b"two\n")
    stderr.write_bytes(b"bad\n")
    follower.poll([str(stdout), str(stderr)])
    assert follower.poll([str(stdout), str(stderr)]) == 0
    assert out.getvalue() == b"==> s0 <==\none\n\xfftwo\nbad\n"


def test_a_change_of_shard_is_named_on_a_line_of_its_own(tmp_path: Path) -> None:
    first, second = attempt(tmp_path, "s0")[0], attempt(tmp_path, "s1")[0]
    first.write_bytes(b"half")
    second.write_bytes(b"other\n")
    out = io.BytesIO()
    follower = Follower(out)
    follower.poll([str(first), str(second)])
    with first.open("ab") as file:
        file.write(b" line\n")
    follower.poll([str(first), str(second)])
    assert out.getvalue() == b"==> s0 <==\nhalf\n==> s1 <==\nother\n==> s0 <==\n line\n"


def test_following_shows_files_that_come_later_and_the_rest_at_the_end(
    tmp_path: Path, until: Any
) -> None:
    paths: list[str] = []
    over = threading.Event()
    out = io.BytesIO()
    thread = threading.Thread(target=follow, args=(lambda: list(paths), over.is_set, out))
    thread.start()
    stdout, _ = attempt(tmp_path, "s0")
    stdout.write_bytes(b"early\n")
    paths.append(str(stdout))
    until(lambda: b"early" in out.getvalue(), "the first line")
    with stdout.open("ab") as file:
        file.write(b"late\n")
        over.set()
    thread.join()
    assert out.getvalue() == b"==> s0 <==\nearly\nlate\n"
