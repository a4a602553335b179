"""Print the users of data/, one a line: the items of the run."""

from pathlib import Path

for path in Path(__file__).parent.glob("data/user*.csv"):
    print(path.stem)
