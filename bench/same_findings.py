#!/usr/bin/env python3
"""Whether two agents find the same: ids, kinds, states, times, scores, and the bits of each term, one by one.

    bench/same_findings.py BEFORE AFTER INPUT...

BEFORE and AFTER are agents (programs). An INPUT is a file or directory: a recording (*.bwrec), a capture, a directory of
Zeek logs, a cluster of the simulated corpus (a directory with events.jsonl.gz), or a sample of docs/samples. The
policy records whatever has an open gate (everything.yaml). Sentences and names may differ: the names that changed are in
RENAMED, with what they were. Exits with 1 on any other difference.
Needs Python 3.11 and nothing else.
"""

import json
import pathlib
import subprocess
import sys

# Names on the wire: what they were, and what they are (docs/upgrade.md).
RENAMED = {
    "who": "executable",
    "lag": "onset",
    "naming": "name-resolution",
    "answer": "success-rate",
    "population": "replica-prevalence",
}
# Words, which may change; everything else must be equal.
WORDS = {"summary", "sentence", "level"}
# By the first letters of a sample's name.
SAMPLES = {"connections": "--csv", "envoy": "--envoy", "events": "--events", "hubble": "--hubble", "squid": "--squid",
           "suricata": "--suricata", "vpc-flow": "--vpc-flow", "zeek": "--zeek"}


def options(path):
    """How the agent is asked to read an input; nothing if it is none."""
    if path.is_dir():
        if (path / "events.jsonl.gz").exists():
            return ["--events", path / "events.jsonl.gz", "--pods", path / "pods.jsonl",
                    "--baseline", path / "baseline.jsonl"]
        if (path / "zeek").is_dir():
            return ["--zeek", path / "zeek"]
        if any(".log" in inside.name for inside in path.iterdir()):
            return ["--zeek", path]
        captures = [inside for inside in sorted(path.iterdir()) if ".pcap" in inside.name or ".cap" in inside.name]
        if captures:
            return [word for capture in captures for word in ("--pcap", capture)]
        return ["--csv", path / "conn.csv.gz"] if (path / "conn.csv.gz").exists() else []
    if path.suffix == ".bwrec":
        return ["--recording", path]
    if ".pcap" in path.name or ".cap" in path.name:
        return ["--pcap", path]
    return next(([option, path] for name, option in SAMPLES.items() if path.name.startswith(name)), [])


def plain(value):
    """Without words, and under today's names; evidence by term, since equal bits may stand in either order."""
    if isinstance(value, dict):
        if "term" in value:
            return {RENAMED.get(value["term"], value["term"]): round(value["bits"], 3)}
        return {RENAMED.get(key, key): plain(inner) for key, inner in value.items() if key not in WORDS}
    if isinstance(value, list):
        inner = [plain(one) for one in value]
        if value and isinstance(value[0], dict) and "term" in value[0]:
            return {term: bits for one in inner for term, bits in one.items()}
        return inner
    return round(value, 3) if isinstance(value, float) else value


def findings(agent, inputs):
    """How a replay ended (1: no answer), and its finding states in their order."""
    policy = pathlib.Path(__file__).with_name("everything.yaml")
    command = [agent, "replay", *inputs, "--policy", policy, "--output", "jsonl"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{agent} replay {' '.join(map(str, inputs))}: {done.stderr.decode(errors='replace')}")
    return done.returncode, [plain(json.loads(line)) for line in done.stdout.splitlines()]


def difference(before, after):
    """The first field that differs."""
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            return f"{key}: {before.get(key)} -> {after.get(key)}"
    return ""


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    before, after, *paths = sys.argv[1:]
    states = differing = replayed = 0
    for path in map(pathlib.Path, paths):
        inputs = options(path)
        if not inputs:
            print(f"{path}: no input that is known here, left out", file=sys.stderr)
            continue
        (old_end, old), (new_end, new) = findings(before, inputs), findings(after, inputs)
        replayed += 1
        states += len(old)
        wrong = [difference(a, b) for a, b in zip(old, new) if a != b]
        wrong += [f"ends with {new_end} instead of {old_end}"] * (old_end != new_end)
        wrong += [f"{abs(len(old) - len(new))} states {'less' if len(new) < len(old) else 'more'}"] * (len(old) != len(new))
        differing += len(wrong)
        print(f"{path}: {len(old)} states, {'the same' if not wrong else f'{len(wrong)} differ, first: {wrong[0]}'}")
    print(f"{replayed} inputs, {states} finding states, {differing} differ")
    sys.exit(1 if differing or not states else 0)


if __name__ == "__main__":
    main()
