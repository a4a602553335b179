"""The same run as farmhand.yaml, written in Python."""

from farmhand import Component, Spec

XSECS = {"DYJets": 6025.2, "TTJets": 831.76, "WZ": 47.13, "Data": "-"}  # in pb

spec = Spec(
    "chunks",
    command=[
        *("python3", "{{ inputs.program }}"),
        *("--sample", "{{ shard.component }}", "--xsec", "{{ params.xsec }}"),
        "{{ chunk.files }}",
    ],
    inputs={"program": "analyze.py"},
    outputs={
        "events": {
            "path": "analyzer1/out_events.root",
            "check": {"root": {"keys": ["mass", "pt", "selected"]}},
        },
        "cutflow": "analyzer2/cutflow.txt",
        "counters": "counters.yaml",
    },
    resources={"cpus": 1, "memory": "500 MB", "walltime": "10m"},
    merge={
        "by": "component",
        "rules": [
            {"files": "*.root", "kind": "root"},
            {"files": "analyzer2/cutflow.txt", "kind": "cutflow"},
            {"files": "counters.yaml", "kind": "counters"},
        ],
    },
)

for name, xsec in XSECS.items():
    component = Component(name, files=f"data/{name}/*.root", params={"xsec": xsec})
    spec.components.append(component)

samples = {component.name: component for component in spec.components}
samples["DYJets"].split = 4  # 10 files: chunks of 3, 3, 3 and 1
samples["DYJets"].resources = {"memory": "1 GB"}
samples["TTJets"].files_per_chunk = 2
samples["WZ"].one_per_file = True
