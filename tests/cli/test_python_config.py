"""Configurations in Python: what they turn into, and what is said about those that do not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farmhand.python_spec import Component, Spec, is_number
from farmhand.python_values import NotPlainError, plain, plain_spec
from manifest import spec as models
from manifest.document import read_document
from manifest.yaml_writer import dump_yaml

if TYPE_CHECKING:
    from conftest import Farm

ROOT = Path(__file__).resolve().parents[2]
LOOP = """\
from farmhand import Component, Spec

spec = Spec("ana", command=["echo", "{{ params.xsec }}", "{{ shard.name }}"])
for name, xsec in {"DY": 6025.2, "TT": 831.76}.items():
    spec.components.append(Component(name, work={"count": 4}, params={"xsec": xsec}))
spec.components[0].shards = 4
"""
PAIR = "from farmhand import Component, Spec\n"
ONE = PAIR + "spec = Spec('x', work={'count': 2}, command=['true'])\n"


class Region(StrEnum):
    SIGNAL = "sig"


class Fraction32(float):
    """Shows its type, as numpy's numbers do."""

    def __repr__(self) -> str:
        return f"Fraction32({float(self)})"


def written(farm: Farm, text: str, *words: str, name: str = "analysis_cfg.py") -> Any:
    """Return the document of a configuration, read back from the YAML it prints."""
    (farm.path / name).write_text(text, encoding="utf-8")
    said = farm("render", name, "--write-spec", *words)
    return read_document(said.out, "printed").data


def test_components_from_a_loop_make_the_run_that_their_yaml_makes(farm: Farm) -> None:
    data = written(farm, LOOP)
    assert data == {
        "name": "ana",
        "components": {
            "DY": {"work": {"count": "4"}, "shards": "4", "params": {"xsec": "6025.2"}},
            "TT": {"work": {"count": "4"}, "params": {"xsec": "831.76"}},
        },
        "command": ["echo", "{{ params.xsec }}", "{{ shard.name }}"],
    }
    Path("s.yaml").write_text(dump_yaml(data))
    farm("render", "analysis_cfg.py", "--run-id", "p")
    farm("render", "s.yaml", "--run-id", "y")
    assert farm.manifest("p")["plans"] == farm.manifest("y")["plans"]
    for name in ("spec.json", "args/0"):
        ours, theirs = (farm.run(run) / "plan" / name for run in ("p", "y"))
        assert ours.read_bytes() == theirs.read_bytes()
    assert farm.job(4, name="p") == 0
    assert (farm.attempts(4, name="p")[0] / "stdout").read_text() == "831.76 TT\n"


def test_options_change_what_python_said(farm: Farm) -> None:
    Path("c.py").write_text(LOOP)
    said = farm("render", "c.py", "--set", "components.TT.shards=2", "--dry-run", "--json")
    assert [row["name"] for row in json.loads(said.out)] == [
        *("DY_s0", "DY_s1", "DY_s2", "DY_s3", "TT_s0", "TT_s1"),
    ]
    assert written(farm, ONE, "--shards", "2")["shards"] == "2"
    wrong = farm("render", "c.py", "--set", "components.TT.shards=x", code=2).err
    assert "c.py:5: components.TT.shards" in wrong
    assert not Path("runs").exists()


def test_what_python_holds_becomes_what_yaml_would_say() -> None:
    given_values = [1, -0.5, 1e22, 0.1 + 0.2, Fraction32(0.5), Decimal("0.10"), Path("a/b"), "007"]
    spec = Spec(
        "x",
        command=["a", *given_values, Region.SIGNAL],
        work={"count": 10**6, "seed": {"spawn": 7}},
        env={"A": None, "B": "", "C": 3},
        retry={"exit_codes": {134: "again"}},
        outputs={"o": {"path": Path("o.json"), "check": {"json": True}}},
        components=(),
        shards=None,
    )
    data, _ = plain_spec(spec)
    assert data == {
        "name": "x",
        "work": {"count": "1000000", "seed": {"spawn": "7"}},
        "command": [
            *("a", "1", "-0.5", "1e+22", "0.30000000000000004", "0.5", "0.10", "a/b", "007", "sig"),
        ],
        "outputs": {"o": {"path": "o.json", "check": {"json": True}}},
        "env": {"B": "", "C": "3"},
        "retry": {"exit_codes": {"134": "again"}},
    }
    assert plain((range(2), ("x",)), ()) == [["0", "1"], ["x"]]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
SCALARS = TEXTS | st.integers() | st.floats() | st.decimals()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXTS, inner | st.none(), max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_every_value_reads_back_from_yaml(value: dict[str, Any]) -> None:
    data = plain(value, ())
    assert read_document(dump_yaml(data), "printed").data == data


@pytest.mark.parametrize(
    ("value", "place", "part"),
    [
        ({"a": {"b": {1, 2}}}, "a.b", "sorted(…)"),
        ({"a": [1, None]}, "a.1", "leave the item out"),
        ({"a": b"x"}, "a", "decode"),
        ({"a": "x\0"}, "a", "U+0000"),
        ({"a": ["\udcff"]}, "a.0", "U+DCFF"),
        ({"a": (n for n in "ab")}, "a", "list(…)"),
        ({"a": Component("c")}, "a", "components="),
        ({"a": 1 + 2j}, "a", "type complex"),
        ({"a": object}, "a", "give a text"),
        ({1: "x", "1": "y"}, "", "'1' is given twice"),
        ({None: "x"}, "", "the key None"),
    ],
)
def test_what_no_document_can_hold_is_named_by_its_path(value: Any, place: str, part: str) -> None:
    with pytest.raises(NotPlainError) as caught:
        plain(value, ())
    assert ".".join(caught.value.place) == place
    assert part in f"{caught.value.what} {caught.value.hint}"


def test_a_block_that_holds_itself_is_refused() -> None:
    block: dict[str, Any] = {}
    block["a"] = [block]
    with pytest.raises(NotPlainError, match="100 deep"):
        plain(block, ())


def test_the_keys_are_those_of_a_spec() -> None:
    """Every key the models know can be given, no other, and whole numbers are known as such."""
    both = ((Spec, models.Spec, set()), (Component, models.Component, {"name"}))
    for kind, model, more in both:
        known = model.model_fields
        assert {item.name for item in fields(kind)} == {*known, *more}
        numbers = {key for key in known if known[key].annotation in (int, int | None)}
        assert numbers <= {item.name for item in fields(kind) if is_number(item.name)}


def test_where_it_runs_and_what_it_sees(farm: Farm) -> None:
    """Neighbours may be called like farmhand's rooms; paths belong to the file, cwd to the user."""
    Path("ana/samples").mkdir(parents=True)
    Path("ana/outputs.py").write_text("SAMPLES = ['a', 'b']\n")
    Path("ana/samples/__init__.py").write_text("")
    Path("ana/model.json").write_text("{}")
    Path("ana/cfg.py").write_text(
        PAIR + "import os, sys, renderer\nfrom outputs import SAMPLES\nimport samples\n"
        "if __name__ == '__main__': raise SystemExit('ran as a script')\n"
        "seen = [__name__, __file__, os.getcwd(), sys.argv[0], sys.stdin.read(), renderer.WHOSE]\n"
        "spec = Spec('x', command=['cat', '{{ inputs.model }}', *seen], inputs={'model': "
        "'model.json'}, components=[Component(n, work={'count': 1}) for n in SAMPLES])\n"
    )
    Path("site").mkdir()
    Path("site/renderer.py").write_text("WHOSE = 'mine'\n")
    env = {**os.environ, "PYTHONPATH": f"site:{os.environ.get('PYTHONPATH', '')}"}
    said = farm.process("render", "ana/cfg.py", "--write-spec", env=env)
    data = read_document(said.out, "printed").data
    path = str(farm.path / "ana/cfg.py")
    assert data["command"][2:] == ["farmhand_config", path, str(farm.path), path, "", "mine"]
    assert list(data["components"]) == ["a", "b"]
    farm.process("render", "ana/cfg.py", "--run-id", "r", env=env)
    assert (farm.run() / "plan/stage/model.json").read_text() == "{}"


def test_what_it_prints_never_mixes_with_what_render_says(farm: Farm) -> None:
    Path("c.py").write_text(
        "import os, subprocess\nprint('printed')\nos.write(1, b'written\\n')\n"
        "subprocess.run(['echo', 'from a child'])\n" + ONE + "print('x' * 20_000_000)\n"
    )
    said = farm.process("render", "c.py", "--run-id", "r")
    assert said.out == f"farmhand run {farm.run()}\n"
    assert said.err.startswith("printed\nwritten\nfrom a child\nxxx")
    assert len(said.err) > 20_000_000


def test_what_it_leaves_running_is_not_waited_for(farm: Farm) -> None:
    text = "import subprocess\nchild = subprocess.Popen(['sleep', '60'], close_fds=False)\n" + ONE
    data = written(farm, text + "spec.env = {'PID': child.pid}\n")
    os.kill(int(data["env"]["PID"]), signal.SIGKILL)  # it was still there


def test_a_bad_end_after_the_spec_was_read_is_a_warning(farm: Farm) -> None:
    Path("c.py").write_text("import atexit, os\natexit.register(os._exit, 3)\n" + ONE)
    said = farm("render", "c.py", "--write-spec")
    assert "name: x" in said.out
    assert "warning: c.py ended its own process with exit code 3, after its end" in said.err


MISTAKES = {
    # text -> what must be said, part by part
    LOOP.replace("params=", "parms="): [
        "analysis_cfg.py: TypeError: Component has no key 'parms'; did you mean 'params'?",
        "in <module>\n    spec.components.append(", "where: analysis_cfg.py:5"],
    LOOP.replace(".shards = 4", ".splitt = 4"): ["'splitt'; did you mean 'split'?", "cfg.py:6"],
    LOOP.replace(".shards = 4", ".splitFactor = 4"): ["no key 'splitFactor': write split="],
    LOOP.replace(".shards = 4", ".fineSplitFactor = 4"): ["write events_per_chunk="],
    LOOP.replace(".shards = 4", ".zebra = 4"): ["known here: name, files, split"],
    LOOP.replace(".shards = 4", ".shards = 4.5"): [
        "components.DY.shards: '4.5' is not a whole number",
        "analysis_cfg.py:5: components.DY.shards"],
    LOOP.replace(".shards = 4", ".shards = True"): [
        "components.DY.shards: True is not a whole number",
        "analysis_cfg.py:5: components.DY.shards"],
    LOOP.replace(".shards = 4", ".files = []"): [
        "components.DY.files: component 'DY' has an empty list of files", "glob looks from where"],
    LOOP + "spec.components[1].name = 'DY'\n": ["two components are named 'DY'",
                                               "the other was made in line 5 of analysis_cfg.py"],
    LOOP + "spec.components *= 2\n": ["component 'DY' is in the list twice"],
    LOOP + "spec.components = {'TT': spec.components[0]}\n": ["behind 'TT' is named 'DY'"],
    LOOP + "spec.components.append('TT')\n": ["item 2 is a value of type str, not a Component"],
    LOOP + "spec.components = 'DY'\n": ["a list of Component was expected"],
    LOOP + "spec.components[0].name = 'a b'\n": ["'a b' is not safe as a file name"],
    LOOP + "spec.components[0].params['x'] = {1}\n": ["DY.params.x: a value of type set"],
    ONE + "spec.command = [True]\n": ["command.0: true is not a text", "cfg.py:2: command.0"],
    ONE + "spec.command = []\n": ["say what to run", "where: analysis_cfg.py:2"],
    ONE + "spec.resources = {'memroy': '2 GB'}\n": ["did you mean 'memory'?",
                                                     "analysis_cfg.py:2: resources.memroy"],
    PAIR + "spec = Spec(work={'count': 2}, command=['true'])\n": ["'name' is missing"],
    PAIR: ["no spec is defined", "outside of functions"],
    PAIR + "spec = {'name': 'x'}\n": ["`spec` is a value of type dict, not a Spec"],
    ONE + "a, b = spec, Spec('y')\ndel spec\n": ["several specs: a, b", "the one meant `spec`"],
    "name: x\nwork = {\n": ["SyntaxError: '{' was never closed", "analysis_cfg.py:2",
                            "    work = {\n"],
    "x = 1\n  y = 2\n": ["IndentationError: unexpected indent", "analysis_cfg.py:2"],
    "def f(n):\n    return f(n + 1)\n\nf(0)\n": ["RecursionError: maximum recursion", "more …"],
    "import json\njson.loads('{')\n": ["json.decoder.JSONDecodeError: Expecting",
                                       "where: analysis_cfg.py:2"],
    "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('no\\nk') from e\n": [
        "analysis_cfg.py: ValueError: no\n", "because of KeyError: 'k'", "analysis_cfg.py:4"],
    "raise RuntimeError('x' * 10**7)\n": ["RuntimeError: xxx", "x…"],
    "import no_such_library\n": ["No module named 'no_such_library'", "farmhand render -"],
    "from helper import f\nf()\n": ["ZeroDivisionError", "where: helper.py:2",
                                      "line 2, in <module>"],
    "import sys\n" + ONE + "sys.exit(0)\n": ["left with sys.exit(0)", "analysis_cfg.py:4"],
    "raise SystemExit('no samples')\n": ["left with sys.exit(no samples)"],
    "import os\n" + ONE + "os._exit(0)\n": ["exit code 0 before farmhand could read the spec"],
    "import os\n" + ONE + "os.kill(os.getpid(), 9)\n": ["was ended by signal 9 (SIGKILL)"],
    "import os\n" + ONE + "os.closerange(3, 99)\n": ["exit code 1 before farmhand could read"],
    "\0": ["SyntaxError"],
    "x = '\u00e9'\n".encode("latin-1").decode("utf-8", "surrogateescape"): ["SyntaxError", "utf-8"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_each_mistake_has_its_sentence(farm: Farm, text: str, parts: list[str]) -> None:
    Path("analysis_cfg.py").write_text(text, encoding="utf-8", errors="surrogateescape")
    Path("helper.py").write_text("def f():\n    return 1 / 0\n")
    said = farm("render", "analysis_cfg.py", code=2)
    assert said.out == ""
    for part in parts:
        assert part in said.err
    assert len(said.err) < 6000
    assert not re.search(r"python_(process|spec|values)|runpy", said.err)
    assert not Path("runs").exists()


def test_a_file_that_is_not_there_or_no_file(farm: Farm) -> None:
    Path("d.py").mkdir()
    assert "No such file" in farm("render", "nothere.py", code=2).err
    assert "Is a directory" in farm("render", "d.py", code=2).err


@pytest.mark.parametrize("stubborn", [False, True])
def test_interrupted_it_ends_with_what_it_started(farm: Farm, stubborn: bool) -> None:
    text = "import os, signal, subprocess, time\n"
    if stubborn:
        text += "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    text += "open('pid', 'w').write(f'{os.getpid()}\\n')\nwhile True:\n    time.sleep(0.01)\n"
    Path("c.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "farmhand", "render", "c.py"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (Path("pid").exists() and Path("pid").read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "farmhand: interrupted\n")
    assert not Path(f"/proc/{Path('pid').read_text().strip()}").exists()


def test_a_fork_that_comes_to_the_end_too_does_not_answer(farm: Farm) -> None:
    text = "import os\n" + ONE + "spec.env = {'A': 'parent' if os.fork() else 'child'}\n"
    assert written(farm, text)["env"] == {"A": "parent"}


def test_the_only_spec_is_taken_by_any_name_and_kept_by_two(farm: Farm) -> None:
    assert written(farm, ONE + "mine = also = spec\ndel spec\n")["name"] == "x"
    assert written(farm, ONE + "other = Spec('y')\n")["name"] == "x"
    assert written(farm, PAIR + "import neighbour\nmine = neighbour.spec\nneighbour = 1\n"
                   if Path("neighbour.py").write_text(ONE) else "")["name"] == "x"  # fmt: skip


def test_components_are_ordinary_objects(farm: Farm) -> None:
    """Selecting, copying, subclassing and looking at them, as an analysis does."""
    data = written(
        farm,
        PAIR
        + """
import copy
from dataclasses import dataclass, replace

class MC(Component):
    def __init__(self, name, xsec, **more):
        super().__init__(name, params={"xsec": xsec}, work={"count": 1}, **more)

@dataclass(eq=False)
class Data(Component):
    era: str = "2016"

a, b = MC("a", 1.5), MC("b", 2)
c = copy.deepcopy(a)
c.name = "c"
c.params["xsec"] = 3
d = replace(Component("a", work={"count": 1}), name="d")
e = Data("e", work={"count": 1}, era="2017")
e.params["era"] = e.era
assert repr(d) == "Component(name='d', work={'count': 1})", repr(d)
assert len({a, b, c}) == 3 and a in [a] and c not in [a, b]
selectedComponents = [one for one in (a, b, c, d, e) if one.name != "b"]
spec = Spec("x", command=["true"], components=selectedComponents)
""",
    )
    assert data["components"] == {
        "a": {"work": {"count": "1"}, "params": {"xsec": "1.5"}},
        "c": {"work": {"count": "1"}, "params": {"xsec": "3"}},
        "d": {"work": {"count": "1"}},
        "e": {"work": {"count": "1"}, "params": {"era": "2017"}},
    }


def test_components_by_name_may_be_plain_blocks(farm: Farm) -> None:
    text = PAIR + "spec = Spec('x', command=['true'], components={'a': {'work': {'count': 1}}, "
    data = written(farm, text + "'b': Component('b', work={'count': 2})})\n")
    assert data["components"] == {"a": {"work": {"count": "1"}}, "b": {"work": {"count": "2"}}}


@pytest.mark.parametrize("imports", ["farmhand", "farmhand.cli"])
def test_the_command_line_does_not_pay_for_it(imports: str) -> None:
    listed = f"import {imports}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    assert "farmhand.python" not in done.stdout
    assert imports != "farmhand" or " typing" not in done.stdout


def test_a_configuration_does_not_pay_for_the_models() -> None:
    listed = "from farmhand import Component, Spec; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    assert "farmhand.python_spec" in done.stdout
    assert not re.search(r"\b(pydantic|manifest|typer)\b", done.stdout)


PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'^```python\n("""(\w+\.py):.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def page(farm: Farm) -> Farm:
    """Write the files that the page shows, and those that they name."""
    for text, name in BLOCKS.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("analyze.py").write_text("")
    for name in ("DYJets", "TTJets", "WZ"):
        for number in range(6):
            path = Path(f"data/{name}/{number}.root")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {number}\n")
    return farm


def test_the_commands_of_the_page_run(page: Farm) -> None:
    commands = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    done = [
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command], capture_output=True, text=True, check=True
        )
        for command in commands
    ]
    rendered, split, written_spec, piped = (one.stdout for one in done)
    assert rendered.startswith("farmhand run ")
    assert split.count("DYJets_Chunk") == 3  # 6 files by 4: two each
    assert split.count("TTJets_Chunk") == 2
    assert "WZ" not in split
    data = read_document(written_spec, "printed").data
    assert data["components"]["DYJets"]["resources"] == {"memory": "4 GB"}
    assert piped.count("_Chunk") == 4


def test_the_message_of_the_page_is_what_is_said(page: Farm) -> None:
    text = Path("analysis_cfg.py").read_text(encoding="utf-8")
    Path("analysis_cfg.py").write_text(text.replace("6025.2, 4", "6025.2, 'four'"))
    said = page("render", "analysis_cfg.py", code=2).err
    shown = re.search(r"^    (farmhand: .*)\n    (  where: .*)$", PAGE, re.MULTILINE)
    assert shown
    assert f"{shown[1]}\n{shown[2]}\n" in said


def test_chunks_of_a_configuration_elsewhere_find_their_files(page: Farm) -> None:
    Path("elsewhere").mkdir()
    Path("analysis_cfg.py").write_text(
        PAIR + "spec = Spec('x', command=['cat', '{{ chunk.files }}'],\n"
        "components=[Component('WZ', files='data/WZ/*.root', files_per_chunk=4)])\n"
    )
    os.chdir("elsewhere")
    page("render", "../analysis_cfg.py", "--run-id", "r", "--out-dir", "../runs")
    assert page.job(0, 1) == 0
    shown = [(page.attempts(shard)[0] / "stdout").read_text() for shard in (0, 1)]
    assert "".join(shown).split("\n")[:6] == [f"WZ {number}" for number in range(6)]


def test_json_from_an_old_interpreter(farm: Farm) -> None:
    """Python 2 has neither ordered dicts nor unicode by default; its JSON is like anybody's."""
    old = (
        '{"command": ["echo", "\\u00e9"], "components": {"b": {"work": {"count": 2}}}, "name": "x"}'
    )
    farm("render", "-", "--run-id", "r", stdin=old)
    assert farm.job(0) == 0
    assert (farm.attempts()[0] / "stdout").read_text() == "é\n"
