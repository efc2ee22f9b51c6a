#!/usr/bin/env python3
"""Races runbench against another program, alternating, and prints the median of the latency ratios.

    compare.py --runbench build/release/bin/runbench --program resnet50.tgl --dim batch=1 \\
               --peer "./peer resnet50.onnx batch=1 -t 1" [--rounds 5] [--threads 1] [--duration 2] [--range ids=0:30522]

The peer prints its median latency as p50=MILLISECONDS. Environment variables reach it unchanged. Needs Python 3 only.
"""
import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile


def ours(options, report):
    command = [options.runbench, options.program, "--threads", str(options.threads), "--duration", str(options.duration), "--json", report]
    for name in ("dim", "shape", "range"):
        for value in getattr(options, name):
            command += ["--" + name, value]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"compare.py: {result.stderr.strip()}")
    with open(report) as file:
        return json.load(file)["latency_ms"]["p50"]


def theirs(options):
    result = subprocess.run(shlex.split(options.peer), capture_output=True, text=True)
    found = re.search(r"\bp50=([0-9.]+)", result.stdout)
    if result.returncode != 0 or found is None:
        sys.exit(f"compare.py: the peer printed no p50: {(result.stderr or result.stdout).strip()[-200:]}")
    return float(found.group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runbench", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--duration", type=float, default=2)
    for name in ("dim", "shape", "range"):
        parser.add_argument("--" + name, action="append", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(ours(options, os.path.join(folder, "r.json")), theirs(options)) for _ in range(options.rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs))
    print(f"{os.path.basename(options.program)}: {mine:.3f} ms, peer {other:.3f} ms, ratio {ratio:.3f} (median of {options.rounds} rounds)")


if __name__ == "__main__":
    main()
