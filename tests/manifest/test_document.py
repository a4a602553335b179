from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from manifest import document, yaml_lines, yaml_reader
from manifest.assignments import apply_set, parse_set
from manifest.document import read_document
from manifest.errors import UserError
from manifest.nearest import nearest
from manifest.tree import Absent
from manifest.yaml_writer import dump_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

LOADERS = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "LOADER", request.param)
    monkeypatch.setattr(yaml_lines, "LOADER", request.param)


def read(text: str | bytes) -> Any:
    return read_document(text, "farmhand.yaml").data


def read_by_each(text: str) -> list[Any]:
    """What each loader makes of a text; None where it raises a UserError."""
    values = []
    with pytest.MonkeyPatch.context() as patch:
        for each in LOADERS:
            patch.setattr(yaml_reader, "LOADER", each)
            try:
                values.append(read(text))
            except UserError:
                values.append(None)
    return values


def refusal(text: str | bytes, source: str = "farmhand.yaml") -> tuple[str, str | None, str | None]:
    with pytest.raises(UserError) as caught:
        read_document(text, source)
    assert type(caught.value) is UserError
    return caught.value.what, caught.value.where, caught.value.hint


SCALARS = """
0.10 007 1e5 true ~ null 1_000 2024-01-02 = << yes No 0x1F 1:30 .5 +1 -0 .inf 2024-01-02T03:04:05Z
${#a[@]} $HOME --seed={{x}} a#b a:b -- -x .root ~/x é😀 C:\\n\\t \\ %% (a==1)&&!b
""".replace("%%", "").split()


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("text", SCALARS)
def test_a_plain_scalar_is_the_text_as_written(text: str) -> None:
    assert read(f"a: {text}\nb:\n  - {text}\n  - x\n") == {"a": text, "b": [text, "x"]}
    assert type(read(f"a: {text}\n")["a"]) is str


@pytest.mark.usefixtures("loader")
def test_quotes_and_the_text_tag_give_text() -> None:
    text = "a: '0.10'\nb: \"1\\t\\u00e9\"\nc: !!str 3\nd: |\n  x\n  y\ne: >-\n  x\n  y\n? k\n: v\n"
    expected = {"a": "0.10", "b": "1\té", "c": "3", "d": "x\ny\n", "e": "x y", "k": "v"}
    assert read(text) == expected


@pytest.mark.usefixtures("loader")
def test_a_key_with_nothing_behind_it_is_absent() -> None:
    data = read("resources:\n  # cpus: 1\nquoted: ''\nitems: [ '' ]\nempty:\n  -\n  - a\nf: {g}\n")
    assert data["resources"] == ""
    assert isinstance(data["resources"], Absent)
    assert isinstance(data["f"]["g"], Absent)
    assert data["quoted"] == ""
    assert data["empty"] == ["", "a"]
    for text in (data["quoted"], data["items"][0], data["empty"][0]):
        assert type(text) is str


QUOTE = "a value that begins with {} needs quotes"
JINJA = "{{ }} outside quotes is a block to YAML, not text"
TAB = ("a tab indents this line, and YAML indents with spaces only", "write spaces for the tab")
TAG = "the tag {} is not read: every value is text, and its field decides what it is"
KEY = "a key must be text, not a block or a list"
ALIAS = "*{0} names no anchor &{0} that ends before it"
AS_IT_IS = "the character U+{} cannot stand in YAML as it is"
NO_VALUE = "the character U+{} cannot be part of a value"
MERGE = (
    "merge keys (<<) are not read",
    "write the keys out, or give the whole block an anchor and use its alias",
)
DEEP = "blocks and lists nest more than 100 deep here"

REFUSED = [
    ("a: {{ x }}\n", 1, 4, JINJA, 'quote it: "{{ x }}"'),
    ("a:\n  - b\n  - {{ x }}\n", 3, 5, JINJA, 'quote it: "{{ x }}"'),
    ("a: {{ x }}/{{ y }} b # c\n", 1, 4, JINJA, 'quote it: "{{ x }}/{{ y }} b"'),
    ("a: [p, {{ x.y }}, 3]\n", 1, 8, JINJA, 'quote it: "{{ x.y }}"'),
    ("{{ x }}: 3\n", 1, 1, JINJA, 'quote it: "{{ x }}"'),
    ('a: {{ i["s"] }}\n', 1, 4, JINJA, "quote it: '{{ i[\"s\"] }}'"),
    ("a: {{ " + "x" * 90 + " }}\n", 1, 4, JINJA, "quote it"),
    ("a: %d\n", 1, 4, QUOTE.format("%"), 'quote it: "%d"'),
    ("a: [x, %d, y]\n", 1, 8, QUOTE.format("%"), 'quote it: "%d"'),
    ("é😀:\r\n  - @x\r\n", 2, 5, QUOTE.format("@"), 'quote it: "@x"'),
    ("a: `date`\n", 1, 4, QUOTE.format("`"), 'quote it: "`date`"'),
    ("a: *.root\n", 1, 4, QUOTE.format("*"), 'quote it: "*.root"'),
    ("a: &> log\n", 1, 4, QUOTE.format("&"), 'quote it: "&> log"'),
    ("a: {% if x %}\n", 1, 5, QUOTE.format("{%"), 'quote it: "{% if x %}"'),
    (
        "a: {# x #}\n",
        1,
        4,
        "{# outside quotes is a block and a comment to YAML, not text",
        'quote it: "{# x #}"',
    ),
    ("a:\n\t- x\n", 2, 1, *TAB),
    ("a: b\n\tc: d\n", 2, 1, *TAB),
    ("a:\n  b: c\n\td: e\n", 3, 1, *TAB),
    ("a: !foo x\n", 1, 4, TAG.format("!foo"), 'quote it: "!foo x"'),
    ("a: ! 3\n", 1, 4, TAG.format("!"), 'quote it: "! 3"'),
    ("a: !!int 3\n", 1, 4, TAG.format("!!int"), 'quote it: "!!int 3"'),
    ("a: &k !!set {b}\n", 1, 4, TAG.format("!!set"), 'quote it: "&k !!set {b}"'),
    (
        "a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n",
        5,
        3,
        "'c' is given twice, in line 3 and in line 5",
        "keep one of them",
    ),
    (
        '"\\n": 1\n"\\n": 2\n',
        2,
        1,
        '"\\n" is given twice, in line 1 and in line 2',
        "keep one of them",
    ),
    ("? [a]\n: 3\n", 1, 3, KEY, None),
    ("? {a: b}\n: 3\n", 1, 3, KEY, None),
    ("a: &x [b]\n*x : 3\n", 2, 1, KEY, None),
    ("a: &x {b: c}\nd:\n  <<: *x\n", 3, 3, *MERGE),
    ("a: *x\n", 1, 4, ALIAS.format("x"), 'quote it: "*x"'),
    ("a: &x [*x]\n", 1, 8, ALIAS.format("x"), 'quote it: "*x"'),
    ("a: b\n---\nc: d\n", 2, 1, "a second document begins here", "write one file for each"),
    ("a: x\x85y\n", 1, 5, AS_IT_IS.format("0085"), 'write "\\x85", with the quotes'),
    ("a: b\nc: x\u2028y\n", 2, 5, AS_IT_IS.format("2028"), 'write "\\u2028", with the quotes'),
    ("a: x\ry\n", 1, 5, AS_IT_IS.format("000D"), 'write "\\r", with the quotes'),
    ("a: \x1b[0m\n", 1, 4, AS_IT_IS.format("001B"), 'write "\\x1b", with the quotes'),
    ("a: b\n\ufeffc: d\n", 2, 1, AS_IT_IS.format("FEFF"), 'write "\\ufeff", with the quotes'),
    ("a: \udc80\n", 1, 4, AS_IT_IS.format("DC80"), "save it as UTF-8"),
    ('a: "\\0"\n', 1, 4, NO_VALUE.format("0000"), None),
    ("a: x\0\n", 1, 5, "farmhand.yaml is not a text file: it has a NUL byte", None),
    ("a: " + "[" * 500, 1, 104, DEEP, None),
    ("- " * 100_000 + "x", 1, 203, DEEP, None),
]


@pytest.mark.usefixtures("loader")
def test_what_nests_without_end_is_refused() -> None:
    """Newer libyaml gives up by itself, at a depth of its own."""
    assert refusal("a: " + "[" * 100_000)[0] == DEEP


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "line", "column", "what", "hint"), REFUSED, ids=[repr(row[0][:20]) for row in REFUSED]
)
def test_a_refusal_names_place_reason_and_cure(
    text: str, line: int, column: int, what: str, hint: str | None
) -> None:
    assert refusal(text) == (what, f"farmhand.yaml:{line}:{column}", hint)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "line", "start", "hint"),
    [
        ("a: b: c\n", 1, "this is not YAML: mapping values are not", 'quote a value that has ": "'),
        ("a: [1\n\n", 3, "this is not YAML: ", None),
        ("a: 'x\n", 2, "this is not YAML: found unexpected end of stream", None),
        ('a: "\\q"\n', 1, "this is not YAML: found unknown escape character", None),
        ('a: b\nc: "d" e\n', 2, "this is not YAML: ", None),
    ],
)
def test_other_errors_are_one_line_with_the_place(
    text: str, line: int, start: str, hint: str | None
) -> None:
    what, where, to_do = refusal(text)
    assert what.startswith(start)
    assert "\n" not in what
    assert where is not None
    assert where.startswith(f"farmhand.yaml:{line}:")
    assert (to_do or "").startswith(hint or "")


def test_a_syntax_error_says_where_its_beginning_is() -> None:
    what, _, _ = refusal("a: b\nc: 'x\n\n")
    assert what.endswith(", while scanning a quoted scalar that begins in line 2")


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\U00110000"', 'a: "\\uD800"'])
def test_an_escape_that_is_no_character_is_refused(text: str) -> None:
    what, where, _ = refusal(text)
    assert "\n" not in what
    assert where is not None
    assert where.startswith("farmhand.yaml")


@pytest.mark.parametrize("text", ["", " \n\n", "# only a comment\n", "---\n", b"\xef\xbb\xbf"])
def test_an_empty_file_points_to_init(text: str | bytes) -> None:
    assert refusal(text) == ("farmhand.yaml is empty", None, "start from: farmhand init")


@pytest.mark.parametrize(
    ("text", "source", "kind"),
    [
        ("- a\n", "s.yaml", "a list"),
        ("~\n", "s.yaml", "'~'"),
        ("x" * 100, "s.yaml", "'" + "x" * 70 + "…'"),
        ("a\n\nb", "s.yaml", '"a\\nb"'),
        ("[]", "s.json", "a list"),
        ("null", "s.json", "null"),
        ("1.5", "s.json", "1.5"),
        ('""', "s.json", "''"),
    ],
)
def test_the_top_level_is_a_block(text: str, source: str, kind: str) -> None:
    what, _, hint = refusal(text, source)
    assert what == f"{source} is {kind}, not a block of keys"
    assert hint == "begin with a key, for example `shards: 4`"


def test_bytes_are_utf8_with_or_without_a_mark_and_crlf() -> None:
    assert read(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: |\r\n  x\r\n  y\r\n") == {"a": "é", "b": "x\ny\n"}
    what, where, hint = refusal("a: b\nc: é\n".encode("latin-1"))
    assert what == "farmhand.yaml is not UTF-8: byte 0xe9 in line 2"
    assert (where, hint) == ("farmhand.yaml:2", "save it as UTF-8")


@pytest.mark.usefixtures("loader")
def test_aliases_give_copies() -> None:
    data = read("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n")
    assert data == {"a": {"b": ["1", "2"]}, "c": {"b": ["1", "2"]}, "d": [{"b": ["1", "2"]}] * 2}
    data["c"]["b"].append("3")
    assert data["a"] == data["d"][0] == data["d"][1] == {"b": ["1", "2"]}


@pytest.mark.usefixtures("loader")
def test_aliases_of_aliases_are_bounded_in_number_and_depth() -> None:
    wide = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60)
    )
    deep = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 120))
    larger = "aliases (*a4) make this file more than 200,000 values larger"
    assert refusal(wide) == (larger, "farmhand.yaml:6:15", "write the blocks out")
    assert refusal(deep) == (DEEP, "farmhand.yaml:100:12", None)


JSON_REFUSED = [
    ('{"a": {"b": 1, "c": 2, "b": 3}}', "s.json", "'b' is given twice in one block"),
    ('{"a": NaN}', "s.json", "NaN is not a number that can be kept"),
    ('{"a": -Infinity}', "s.json", "-Infinity is not a number that can be kept"),
    ('{"a": 1e999}', "s.json", "1e999 is not a number that can be kept"),
    ('{"a":\n  1,}', "s.json:2:5", "this is not JSON: "),
    ('{"a": ["\\u0000"]}', "s.json", NO_VALUE.format("0000")),
    ('{"\\ud800": 1}', "s.json", NO_VALUE.format("D800")),
    ("[" * 100_000, "s.json", "blocks and lists nest more than 100 deep"),
    ("[" * 102 + "]" * 102, "s.json", "blocks and lists nest more than 100 deep"),
]


@pytest.mark.parametrize(
    ("text", "where", "what"), JSON_REFUSED, ids=[repr(row[0][:20]) for row in JSON_REFUSED]
)
def test_json_refusals(text: str, where: str, what: str) -> None:
    found, place, _ = refusal(text, "s.json")
    assert found.startswith(what)
    assert place == where


def test_json_keeps_the_digits_of_integers_and_the_types_of_the_rest() -> None:
    digits = "9" * 5000
    text = f'{{"a": [10, -0, {digits}, 0.10, 1e5, true, null, "\\ud83d\\ude00", "\\n"]}}'
    expected = ["10", "-0", digits, 0.1, 100000.0, True, None, "😀", "\n"]
    for document_ in (read_document(text, "s.JSON"), read_document(text, "stdin", fmt="json")):
        assert document_.data == {"a": expected}
        assert [type(item) for item in document_.data["a"]] == [type(item) for item in expected]
    assert read_document('{"a": 0.10}', "s.json", fmt="yaml").data == {"a": "0.10"}


SPEC = """\
# a comment
name: toys
shared: &shared
  cpus: 1
work:
  count: 10

command:
  - run
  - {a: [b,
         c]}
  - --seed
resources: *shared
"""


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("loc", "expected"),
    [
        ((), "farmhand.yaml"),
        (("name",), "farmhand.yaml:2: name"),
        (("work", "count"), "farmhand.yaml:6: work.count"),
        (("work", "cuont"), "farmhand.yaml:5: work"),
        (("work", "count", "deeper"), "farmhand.yaml:6: work.count"),
        (("command", 0), "farmhand.yaml:9: command.0"),
        (("command", 1, "a", 1), "farmhand.yaml:11: command.1.a.1"),
        (("command", 2), "farmhand.yaml:12: command.2"),
        (("command", 3), "farmhand.yaml:8: command"),
        (("command", "x"), "farmhand.yaml:8: command"),
        (("resources", "cpus"), "farmhand.yaml:13: resources.cpus"),
        (("nothing", "here"), "farmhand.yaml"),
    ],
)
def test_where_names_the_line_of_what_exists(loc: tuple[str | int, ...], expected: str) -> None:
    assert read_document(SPEC, "farmhand.yaml").where(loc) == expected


def test_where_in_json_and_without_a_file() -> None:
    read_json = read_document('{"a": 1,\n "b": [\n  2, "\\/",\n  3]}', "s.json")
    assert read_json.where(("b", 2)) == "s.json:4: b.2"
    not_yaml = read_document('{\n\t"a": "\\ud83d\\ude00",\n\t"b": 2}', "s.json")
    assert not_yaml.where(("b",)) in {"s.json: b", "s.json:3: b"}
    assert document.Document({"a": {"b": "1"}}, "--set").where(("a", "b")) == "--set: a.b"


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("a.b=10", (("a", "b"), "10")),
        ("a=", (("a",), "")),
        ("a=0.10", (("a",), "0.10")),
        ("a=~", (("a",), "~")),
        ("a=x=y", (("a",), "x=y")),
        ("a={{ x }}/{{ y }}", (("a",), "{{ x }}/{{ y }}")),
        ("a=foo #bar", (("a",), "foo #bar")),
        ("a=# foo", (("a",), "# foo")),
        ("a= x\ny ", (("a",), " x\ny ")),
        ("a=[1, x]", (("a",), ["1", "x"])),
        ("a={b: 1}", (("a",), {"b": "1"})),
        ('a="x\\n"', (("a",), "x\n")),
        ("a='%d'", (("a",), "%d")),
        ("command.3=x", (("command", "3"), "x")),
    ],
)
def test_set_reads_a_path_and_a_value(assignment: str, expected: Any) -> None:
    assert parse_set(assignment) == expected
    assert not isinstance(parse_set(assignment)[1], Absent)


@pytest.mark.parametrize("assignment", ["a.b", "=3", "a..b=3", ".a=3", "", "a." * 200 + "b=3"])
def test_set_refuses_what_is_no_assignment(assignment: str) -> None:
    shown = f"'{assignment}'" if len(assignment) < 70 else f"'{'a.' * 35}…'"
    with pytest.raises(UserError) as caught:
        parse_set(assignment)
    assert caught.value.what == f"--set takes a path, = and a value, not {shown}"
    assert caught.value.hint == "write --set a.b=VALUE"


def test_set_refuses_a_value_that_cannot_be_read() -> None:
    with pytest.raises(UserError) as caught:
        parse_set("a.b=*.root")
    assert str(caught.value) == (
        "a value that begins with * needs quotes\n"
        "  where: --set a.b:1:1\n"
        '  to do: quote it: "*.root"'
    )


def test_apply_set_makes_a_new_tree() -> None:
    data: Any = {
        "work": {"count": "10", "seed": "1"},
        "command": ["a", {"b": "c"}],
        "env": Absent(),
    }
    before = json.dumps(data)
    assert apply_set(data, ("work", "count"), "20") == {
        **data,
        "work": {"count": "20", "seed": "1"},
    }
    assert apply_set(data, ("command", "1", "b"), ["x"]) == {**data, "command": ["a", {"b": ["x"]}]}
    assert apply_set(data, ("env", "A"), "1") == {**data, "env": {"A": "1"}}
    assert apply_set(data, ("x", "y", "z"), "1") == {**data, "x": {"y": {"z": "1"}}}
    assert apply_set(data, ("work",), {"items": []}) == {**data, "work": {"items": []}}
    assert json.dumps(data) == before


@pytest.mark.parametrize(
    ("data", "path", "what", "hint"),
    [
        (
            {"work": {"count": "10"}},
            ("work", "count", "x"),
            "work.count is '10', not a block",
            "set work.count itself",
        ),
        ({"a": None}, ("a", "b"), "a is null, not a block", "set a itself"),
        ({"a": ""}, ("a", "b"), "a is '', not a block", "set a itself"),
        (
            {"a": ["x", "y"]},
            ("a", "2"),
            "a is a list of 2, and '2' is not the number of an item",
            "count from 0 to 1",
        ),
        (
            {"a": ["x"]},
            ("a", "-1"),
            "a is a list of 1, and '-1' is not the number of an item",
            "count from 0 to 0",
        ),
        (
            {"a": []},
            ("a", "b"),
            "a is a list of 0, and 'b' is not the number of an item",
            "set a itself",
        ),
    ],
)
def test_apply_set_refuses(data: Any, path: tuple[str, ...], what: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        apply_set(data, path, "x")
    assert (caught.value.what, caught.value.hint) == (what, hint)
    assert caught.value.where == f"--set {'.'.join(path)}"


WRITTEN = """\
name: toys
work:
  count: 10000
  seed: 42
command:
  - run
  - --seed
  - "{{ work.seed }}"
  - 0.10
  - ""
  - "a: b"
  - '(Machine != "node7") # x'
  - it's
  - " x"
  - "-"
  - "%d"
  - "x\\t\\r\\x85😀"
inputs:
  spec:
    path: specs/é.json
    references:
      - channels[*].data.file
  none: {}
  nothing: []
grid:
  - a: 1
    b:
      - - x
        - y
prologue: |
  source setup.sh

  \tx
script: |-
  if true
    then date
trailing: "a \\nb"
resources:
"""


def test_written_yaml_looks_as_if_by_hand() -> None:
    data: Any = {
        "name": "toys",
        "work": {"count": 10000, "seed": "42"},
        "command": [
            *("run", "--seed", "{{ work.seed }}", "0.10", "", "a: b", '(Machine != "node7") # x'),
            *("it's", " x", "-", "%d", "x\t\r\x85😀"),
        ],
        "inputs": {
            "spec": {"path": "specs/é.json", "references": ["channels[*].data.file"]},
            "none": {},
            "nothing": [],
        },
        "grid": [{"a": "1", "b": [["x", "y"]]}],
        "prologue": "source setup.sh\n\n\tx\n",
        "script": "if true\n  then date",
        "trailing": "a \nb",
        "resources": Absent(),
    }
    assert dump_yaml(data) == WRITTEN
    assert dump_yaml(read(WRITTEN)) == WRITTEN
    assert isinstance(read(WRITTEN)["resources"], Absent)
    assert dump_yaml({}) == "{}\n"


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udcff"])
def test_what_no_document_can_hold_is_not_written(text: str) -> None:
    with pytest.raises(UserError, match="cannot be part of a value"):
        dump_yaml({"a": [text]})


# Texts as users have them, and the corners of YAML: indicators, blanks and line ends at the edges.
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
CORNERS = st.lists(
    st.sampled_from(
        [*" \n\t\r:#-?,[]{}&*!|>'\"%@`\\=<~a1é😀\x85\u2028\ufeff", "---", "...", "{{ x }}"]
    )
).map("".join)
TEXTS = st.one_of(ANY_TEXT, CORNERS, st.sampled_from(SCALARS))
LONG_KEYS = st.sampled_from(["k" * 999, "k" * 1030, "é\n" * 600])
TREES = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXTS, LONG_KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    "text", ["x\n\n", "\nx", " x\ny", "\tx\ny", "x\n ", "... x", "--- x", "<<"]
)
def test_corners_of_writing_read_back(text: str) -> None:
    data = {text: text, "items": [text, [text]]}
    assert read(dump_yaml(data)) == data


@given(st.lists(TEXTS))
def test_any_texts_written_here_read_back(texts: list[str]) -> None:
    data = {"command": texts, **{f"k{i}": text for i, text in enumerate(texts)}}
    assert read_by_each(dump_yaml(data)) == [data] * len(LOADERS)


@given(st.dictionaries(st.one_of(TEXTS, LONG_KEYS), TREES, max_size=4))
def test_any_tree_written_here_reads_back(data: dict[str, Any]) -> None:
    for value in read_by_each(dump_yaml(data)):
        assert value == data
        assert list(value) == list(data)
        assert not any(isinstance(item, Absent) for item in value.values())


@given(st.lists(TEXTS))
def test_any_texts_that_others_quote_read_back(texts: list[str]) -> None:
    for unicode in (True, False):
        text = yaml.safe_dump({"a": texts}, default_style='"', allow_unicode=unicode)
        assert read_by_each(text) == [{"a": texts}] * len(LOADERS)


@given(st.dictionaries(TEXTS, st.lists(TEXTS)), st.booleans())
def test_any_json_of_texts_reads_back(data: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only)
    assert read_document(text.encode(), "spec.json").data == data


PIECES = st.lists(
    st.sampled_from(
        [
            "a",
            "b: ",
            "c:",
            " ",
            "\n",
            "\n  ",
            "- ",
            "? ",
            ": ",
            *"{}[],\"'|>%@`!&*#\t\\~=",
            "&x ",
            "*x",
            "!!str ",
            "<<: ",
            "{{ x }}",
            "---",
            "...",
            "\r\n",
            '"\\x00"',
            "é😀",
            "0.10",
            "%YAML 1.1\n",
        ]
    ),
    max_size=14,
).map("".join)


@given(st.one_of(PIECES, PIECES.map("a: ".__add__), st.text(), st.text().map("a: ".__add__)))
def test_random_text_is_read_alike_or_refused(text: str) -> None:
    values = [value for value in read_by_each(text) if value is not None]
    assert all(value == values[0] for value in values)
    for value in values:
        assert read(dump_yaml(value)) == value


def complaint(call: Callable[[], Any]) -> UserError | None:
    try:
        call()
    except UserError as error:
        return error
    return None


@given(st.one_of(PIECES, st.text(), st.binary()))
def test_random_input_raises_nothing_but_user_errors(noise: str | bytes) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: read_document(noise, "s.yaml").where(("a", 0)),
        lambda: read_document(noise, "s.json").where(("a", 0)),
    ]
    if isinstance(noise, str):
        calls.append(lambda: parse_set(f"a={noise}"))
    for call in calls:
        error = complaint(call)
        assert error is None or "\n" not in error.what


@pytest.mark.parametrize(
    ("name", "expected"),
    [("shard", "shards"), ("Wall_Time", "walltime"), ("comand", "command"), ("xyzzy", None)],
)
def test_nearest(name: str, expected: str | None) -> None:
    assert nearest(name, ["command", "shards", "walltime"]) == expected
