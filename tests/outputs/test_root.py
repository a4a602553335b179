"""ROOT files added up by a real hadd, and read before and after it by uproot."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uproot
from uproot.writing.identify import to_TAxis, to_TH1x

from manifest.errors import Refusal, UserError
from outputs import root
from outputs.root import find_hadd
from outputs.root_file import read_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from outputs.facts import Source
    from outputs.job import MergeReport
    from tests.outputs.conftest import Desk

pytestmark = pytest.mark.hadd

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: list[str], stop: Any = None, folder: str | None = None) -> tuple[int, str]:
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=60, cwd=folder
    )
    said = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, said[-1] if said else ""


def histogram(values: NDArray[Any], *, low: float = 0.0, kind: type = np.float64) -> Any:
    edges = np.linspace(low, low + 8, 9)
    contents, _ = np.histogram(values, [-np.inf, *edges, np.inf])
    return to_TH1x(
        fName=None, fTitle="h", data=contents.astype(kind), fEntries=float(len(values)),
        fTsumw=1.0, fTsumw2=1.0, fTsumwx=1.0, fTsumwx2=1.0, fSumw2=np.zeros(10),
        fXaxis=to_TAxis(fName="xaxis", fTitle="x", fNbins=8, fXmin=low, fXmax=low + 8),
    )  # fmt: skip


def write(path: str, values: NDArray[Any], *, tree: str = "events", **objects: Any) -> None:
    with uproot.recreate(path) as file:
        if tree:
            file.mktree(tree, {"x": np.float64})
            file[tree].extend({"x": values})
        file["sub/h"] = histogram(values)
        for name, one in objects.items():
            file[name] = one


def shards(desk: Desk, number: int = 3, size: int = 20) -> list[Source]:
    sources = desk.sources([b""] * number)
    for source in sources:
        write(source.path, column(source, size))
    return sources


def column(source: Source, size: int = 20) -> NDArray[Any]:
    return np.random.default_rng(source.facts.index).integers(0, 64, size) / 8.0


def merged(desk: Desk, sources: list[Source], **settings: Any) -> MergeReport:
    return desk.merge(sources, kind="root", run_command=run, **settings)


def refused(desk: Desk, sources: list[Source], words: str) -> None:
    with pytest.raises(Refusal) as caught:
        merged(desk, sources)
    assert words in str(caught.value)
    assert desk.left() == []


@pytest.mark.hadd
def test_trees_and_histograms_are_the_sum(desk: Desk) -> None:
    sources = shards(desk)
    report = merged(desk, sources)
    assert (report.rows, report.counts) == (60, {"trees": {"events": 60}})
    together = np.concatenate([column(source) for source in sources])
    with uproot.open(desk.target) as file:
        assert file["events"].arrays(library="np")["x"].tolist() == together.tolist()
        assert file["sub/h"].values(flow=True).tolist() == histogram(together).values(True).tolist()
        assert file["sub/h"].member("fEntries") == 60
    assert desk.left() == ["merged.out", "merged.out.merge.json"]
    assert desk.sidecar()["outputs"][0]["trees"] == {"events": 60}


@pytest.mark.hadd
def test_more_files_than_are_open_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "_AT_ONCE", 3)
    assert merged(desk, shards(desk, 8, 5)).rows == 40


@pytest.mark.hadd
@pytest.mark.parametrize("name", ["a b", "$HOME", "x#y?z", "host:1", "é", "new\nline", "@list"])
def test_names_that_root_reads_otherwise(desk: Desk, name: str) -> None:
    folder = desk.folder / name
    folder.mkdir()
    sources = shards(desk, 2)
    for source in sources:
        moved = folder / f"{name}.root"
        moved = moved.with_name(f"{source.facts.index}{moved.name}")
        Path(source.path).rename(moved)
        object.__setattr__(source, "path", str(moved))
    desk.folder = folder
    desk.target.parent.mkdir()
    assert merged(desk, sources).rows == 40


@pytest.mark.parametrize("cut", [0, 3, 40, 100, 300, 2000, -1])
def test_a_truncated_file_stops_the_merge_by_name(desk: Desk, cut: int) -> None:
    sources = shards(desk)
    whole = Path(sources[1].path).read_bytes()
    Path(sources[1].path).write_bytes(whole[:cut])
    with pytest.raises(Refusal, match="not merged: shard 1 \\(s1\\): is ") as caught:
        desk.merge(sources, kind="root", run_command=run)
    assert any(word in str(caught.value) for word in ("truncated", "empty", "not a ROOT file"))
    assert desk.left() == []


def test_a_file_that_was_never_closed(desk: Desk) -> None:
    """A zombie: hadd recovers such a file, and ends with 0."""
    sources = shards(desk)
    data = bytearray(Path(sources[2].path).read_bytes())
    data[16:24] = bytes(8)  # fSeekFree and fNbytesFree, which are written at the end
    Path(sources[2].path).write_bytes(data)
    refused(desk, sources, "s2): was never closed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tree": ""}, "has no TTree 'events'; shard 0 (s0) has it"),
        ({"extra": "text"}, "has TObjString 'extra', which is not in shard 0 (s0)"),
        ({"tree": "others"}, "has no TTree 'events'"),
    ],
)
def test_other_objects_than_the_first(desk: Desk, change: dict[str, Any], words: str) -> None:
    sources = shards(desk)
    write(sources[1].path, column(sources[1]), **change)
    refused(desk, sources, words)


def test_another_class_and_other_branches(desk: Desk) -> None:
    sources = shards(desk)
    with uproot.recreate(sources[1].path) as file:
        file.mktree("events", {"x": np.float64, "y": np.int32})
        file["sub/h"] = histogram(column(sources[1]))
    refused(desk, sources, "the tree 'events' has other branches than in shard 0 (s0): y")
    with uproot.recreate(sources[1].path) as file:
        file.mktree("events", {"x": np.float64})
        file["sub/h"] = histogram(column(sources[1]), kind=np.float32)
    refused(desk, sources, "'sub/h' is a TH1F; in shard 0 (s0) a TH1D")


@pytest.mark.hadd
def test_bins_that_hold_less_than_the_sum_are_noticed(desk: Desk) -> None:
    """TH1S has 16 bits: ROOT stops at 32,767 and says nothing."""
    sources = shards(desk, 2)
    for source in sources:
        write(source.path, column(source), short=histogram(np.zeros(20_000), kind=np.int16))
    refused(
        desk, sources, "has 32767 in bin 1 of the histogram 'short'; the inputs add up to 40000"
    )


@pytest.mark.hadd
def test_other_axes_are_not_compared_and_it_is_said(desk: Desk) -> None:
    sources = shards(desk, 2)
    for source in sources:
        write(source.path, column(source), moved=histogram(column(source), low=source.facts.index))
    assert merged(desk, sources).warnings == (
        "bins not compared (labels, other axes, or averages): moved",
    )


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Error in <hadd>: 000001.root is bad'; exit 3",
         "hadd ended with exit code 3: Error in <hadd>: shard 1 (s1) is bad"),
        ("exit 0", "hadd ended with exit code 0 but wrote nothing"),
        ("cp 000000.root sum.root",
         "its result has 20 entries in the tree 'events'; the inputs have 60"),
        ("head -c 500 000000.root >sum.root", "its result is truncated at 500 bytes"),
        (": >sum.root", "its result is empty"),
    ],
)  # fmt: skip
def test_hadd_is_not_believed(
    desk: Desk, script: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = desk.folder / "bin"
    commands.mkdir()
    (commands / "hadd").write_text(f"#!/bin/sh\n{script}\n")
    (commands / "hadd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    refused(desk, shards(desk), words)


def test_histograms_short_of_entries_are_noticed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = shards(desk, 2)
    wrong = desk.folder / "wrong.root"
    with uproot.recreate(wrong) as file:
        file.mktree("events", {"x": np.float64})
        file["events"].extend({"x": np.zeros(40)})
        values = np.concatenate([column(source) for source in sources])
        values[0] = values[0] + 1 if values[0] < 7 else 0.0
        file["sub/h"] = histogram(values)
    commands = desk.folder / "bin"
    commands.mkdir()
    (commands / "hadd").write_text(f"#!/bin/sh\ncp '{wrong}' sum.root\n")
    (commands / "hadd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    refused(desk, sources, "of the histogram 'sub/h'; the inputs add up to ")


def test_without_hadd_it_says_where_to_get_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="hadd, which is not on PATH") as caught:
        merged(desk, shards(desk))
    assert "pip install root" in str(caught.value.hint)


@pytest.mark.hadd
def test_hadd_of_pypi_is_found_without_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_hadd().endswith("ROOT/bin/hadd")


@pytest.mark.hadd
def test_the_sum_opens_in_root_itself(desk: Desk) -> None:
    merged(desk, shards(desk))
    macro = desk.folder / "look.C"
    macro.write_text(
        f'void look() {{ TFile f("{desk.target}"); auto t = f.Get<TTree>("events");'
        ' auto h = f.Get<TH1D>("sub/h");'
        ' printf("%lld %g ", t->GetEntries(), h->GetEntries());'
        ' printf("%d\\n", f.TestBit(TFile::kRecovered)); }'
    )
    program = Path(find_hadd()).with_name("root.exe")
    code, said = run([str(program), "-l", "-b", "-q", str(macro)], folder=str(desk.folder))
    assert (code, said) == (0, "60 60 0")


def test_content_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    write(str(path), np.arange(5.0), note="text")
    content = read_root(str(path))
    assert content.classes == {
        "events": "TTree", "sub": "TDirectory", "sub/h": "TH1D", "note": "TObjString",
    }  # fmt: skip
    assert content.trees["events"].entries == 5
    assert content.histograms["sub/h"].bins.sum() == 5


def test_many_files_are_read_side_by_side_and_in_order(desk: Desk) -> None:
    sources = shards(desk, 90, 1)
    short, other = sources[85], sources[87]
    Path(short.path).write_bytes(Path(short.path).read_bytes()[:900])
    write(other.path, column(other), tree="others")
    refused(desk, sources, "not merged: shard 85 (s85): is truncated at 900 bytes")
    write(short.path, column(short))
    refused(desk, sources, "not merged: shard 87 (s87): has no TTree 'events'")
    Path(other.path).unlink()
    refused(desk, sources, "not merged: shard 87 (s87): cannot be read: No such file")


def test_readers_go_when_the_merge_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    write(str(path), np.arange(5.0))
    program = (
        "import sys\n"
        "from outputs.root_many import read_many\n"
        "if __name__ == '__main__':\n"
        "    for number, _ in enumerate(read_many([sys.argv[1]] * 4000)):\n"
        "        number or print('reading', flush=True)\n"
    )
    script = tmp_path / "reads.py"
    script.write_text(program)
    with subprocess.Popen(
        [sys.executable, str(script), str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"reading\n"
        process.kill()
    deadline = time.monotonic() + 60
    while members(process.pid):
        assert time.monotonic() < deadline, "readers are left"
        time.sleep(0.05)


def members(session: int) -> list[str]:
    """Return the living processes of a session (proc_pid_stat(5))."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, _, _, own = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if own == str(session) and state != "Z":
            found.append(name)
    return found
