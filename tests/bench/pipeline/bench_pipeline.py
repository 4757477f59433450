#!/usr/bin/env python3
"""Measures how many samples a second pass through five trivial stages (dataset, generator,
verifier, scorer, counter of groups of 8) on the production host and recorder, how far the ledger's
commits are behind, and how much memory that takes. Where TROUPE_PEERS names a Python with Ray
(`./dev bench --peers`), the same samples also pass five Ray actors in the same run. Prints medians
with minimum and maximum; asserts nothing.
Usage: bench_pipeline [--repeats N] [--seconds S] [--set KEY=VALUE]..."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("TROUPE_SOURCE", HERE.parent.parent))
PROGRAM = HERE.parent / "tests" / "pipeline_run"
GRAPH = SOURCE / "tests" / "pipeline" / "pipeline.toml"
PEER = SOURCE / "tests" / "bench" / "pipeline" / "ray_pipeline.py"


SLOW = ("stage.make.tokens=4096", "stage.count.delay=\"4ms\"")


def row(name: str, values: list, unit: str, digits: int = 0) -> None:
    print(f"{name:<58} {statistics.median(values):>11,.{digits}f} {unit:<10}"
          f" ({min(values):,.{digits}f} to {max(values):,.{digits}f}, n {len(values)})",
          flush=True)


def run_once(folder: pathlib.Path, arguments, sample: pathlib.Path, more=()) -> dict:
    command = [PROGRAM, GRAPH, folder / "runs", "--seconds", str(arguments.seconds),
               "--sample", sample]
    for item in [*arguments.sets, *more]:
        command += ["--set", item]
    done = subprocess.run(command, capture_output=True, text=True)
    shutil.rmtree(folder / "runs", ignore_errors=True)
    if done.returncode != 0:
        sys.exit(f"the pipeline failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def memory_rows(runs: list) -> None:
    row("  memory at its peak, beyond what there was at the start",
        [run["peak_rss_mib"] - run["rss_before_mib"] for run in runs], "MiB", 1)
    row("  bound of the queues in the plan", [run["queues_mib"] for run in runs], "MiB", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one run")
    parser.add_argument("--set", dest="sets", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sample = folder / "sample"
        runs = [run_once(folder, arguments, sample) for _ in range(arguments.repeats)]
        rates = [run["samples_per_s"] for run in runs]
        row("troupe: samples through five stages", rates, "samples/s")
        row("  processor time of a sample, all threads",
            [1e6 * run["cpu_s"] / run["samples"] for run in runs], "us", 1)
        row("  commits behind, the most in a run", [run["behind_ms_max"] for run in runs], "ms", 1)
        memory_rows(runs)
        # Samples of 4,096 tokens, and a last stage that cannot keep up: bytes fill every queue.
        slow = [run_once(folder, arguments, sample, SLOW) for _ in range(arguments.repeats)]
        row("the same with full queues: samples of 4,096 tokens",
            [run["samples_per_s"] for run in slow], "samples/s")
        memory_rows(slow)
        python = os.environ.get("TROUPE_PEERS")
        if not python:
            print("Ray was not run beside it: ./dev bench --peers pipeline installs and runs it")
            return
        done = subprocess.run([python, PEER, sample, "--repeats", str(arguments.repeats)],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"Ray failed (its words are above); {python} {PEER} {sample} repeats it")
        peer = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"Ray {peer['version']}, five actors, the same samples of {peer['sample_bytes']} bytes:")
    for way, text in (("sync", "one sample at a time"), ("chain", "one sample a call, 256 in flight"),
                      ("groups", "groups of 8 a call, 256 in flight"),
                      ("batches", "64 samples a call, 256 in flight")):
        row(f"  {text}", peer[way], "samples/s")
        print(f"    troupe / Ray {statistics.median(rates) / statistics.median(peer[way]):.1f}")


if __name__ == "__main__":
    main()
