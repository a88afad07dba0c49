#!/usr/bin/env python3
"""Replays labelled traffic through the agent and scores what it finds.

    bench/detection.py --agent target/release/beaconwatch-agent --shared ../shared datasets
    bench/detection.py --agent ... --shared ... corpus --clusters DIR... [--cold]

`datasets`: every detection entry of SHARED/datasets (captures and logs of malware and of ordinary use).
`corpus`: simulated clusters made by SHARED/corpus/generate.py, warm start unless --cold.
Findings are kept in OUT, so that a miss can be looked at. Needs Python 3.11 and nothing else.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time


def replay(agent, inputs, target, extra):
    """Runs the agent over inputs, findings to target; returns seconds and the summary it printed."""
    begin = time.monotonic()
    with open(target, "wb") as out:
        done = subprocess.run([agent, "replay", *inputs, "--output", "score", *extra], stdout=out,
                              stderr=subprocess.PIPE, check=False)
    summary = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        print(f"replay failed on {inputs}: {summary}", file=sys.stderr)
    return time.monotonic() - begin, summary


def entry_inputs(directory):
    """The best source an entry has: Zeek logs, else a capture, else the table of connections."""
    if (directory / "zeek").is_dir():
        return ["--zeek", directory / "zeek"]
    captures = [path for path in sorted(directory.iterdir()) if ".pcap" in path.name or ".cap" in path.name]
    if captures:
        return [word for path in captures for word in ("--pcap", path)]
    table = directory / "conn.csv.gz"
    return ["--csv", table] if table.exists() else []


def datasets(options):
    root = options.shared / "datasets"
    truth = json.loads((root / "truth.json").read_text())
    findings = options.out / "datasets"
    findings.mkdir(parents=True, exist_ok=True)
    for entry in truth["detection"]:
        name = entry["id"]
        if options.only and name not in options.only:
            continue
        target = findings / f"{name}.jsonl"
        inputs = entry_inputs(root / "detection" / name)
        if not inputs:
            target.write_text("")
            continue
        seconds, summary = replay(options.agent, inputs, target, options.extra)
        lines = sum(1 for _ in target.open())
        print(f"{name:36} {inputs[0]:7} {seconds:6.1f} s {lines:6} states   {summary.splitlines()[0] if summary else ''}")
        (findings / f"{name}.log").write_text(summary)
    for extra in ([], ["--min-severity", "high"]):
        subprocess.run([sys.executable, root / "score.py", root / "truth.json", findings, *extra,
                        "--json", findings / f"result{'-high' if extra else ''}.json"], check=False)


def corpus(options):
    findings = []
    (options.out / "corpus").mkdir(parents=True, exist_ok=True)
    for cluster in options.clusters:
        target = options.out / "corpus" / f"{cluster.name}{'-cold' if options.cold else ''}.jsonl"
        inputs = ["--events", cluster / "events.jsonl.gz", "--pods", cluster / "pods.jsonl"]
        if not options.cold:
            inputs += ["--baseline", cluster / "baseline.jsonl"]
        seconds, summary = replay(options.agent, inputs, target, options.extra)
        print(f"{cluster.name}: {seconds:.1f} s\n{summary}", end="")
        findings.append(target)
    subprocess.run([sys.executable, options.shared / "corpus" / "score_corpus.py", *options.clusters,
                    "--findings", *findings, "--json",
                    options.out / "corpus" / f"result{'-cold' if options.cold else ''}.json"], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/bench-detection"))
    parser.add_argument("--extra", action="append", default=[], help="further argument of replay (--extra=--policy=F)")
    jobs = parser.add_subparsers(dest="job", required=True)
    job = jobs.add_parser("datasets")
    job.add_argument("--only", nargs="*")
    job = jobs.add_parser("corpus")
    job.add_argument("--clusters", nargs="+", type=pathlib.Path, required=True)
    job.add_argument("--cold", action="store_true", help="without the baseline: a first day")
    options = parser.parse_args()
    {"datasets": datasets, "corpus": corpus}[options.job](options)


if __name__ == "__main__":
    main()
