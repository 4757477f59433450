#!/usr/bin/env python3
"""Measures the program as a person meets it: `troupe check`, the start of a run to its first token,
and what of a training step is not an engine. Prints medians with minimum and maximum; asserts
nothing. Usage: bench_program [--source DIR] [--steps N] [--repeats N]"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def find_source() -> pathlib.Path:
    """The checkout: the build folder lies in it, unless TROUPE_SOURCE says otherwise."""
    if "TROUPE_SOURCE" in os.environ:
        return pathlib.Path(os.environ["TROUPE_SOURCE"])
    return HERE.parent.parent


def row(name: str, values: list, unit: str, digits: int = 3) -> None:
    print(f"{name:<58} {statistics.median(values):>9.{digits}f} {unit:<8}"
          f" ({min(values):.{digits}f} to {max(values):.{digits}f}, n {len(values)})", flush=True)


def metrics_of(folder: pathlib.Path) -> list:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def check_time(troupe, graph, repeats, name):
    values = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        subprocess.run([troupe, "check", graph], check=True, stdout=subprocess.DEVNULL)
        values.append(1000 * (time.perf_counter() - begin))
    row(f"troupe check, {name}", values[1:], "ms", 1)


def large_graph(folder: pathlib.Path, brackets: int) -> pathlib.Path:
    """A chain of brackets with three branches each, routes and joins by turns, and one stage
    between: 5 stages a bracket, one task a route."""
    tasks = [f"task_{i}" for i in range(brackets)]
    stages = {f"data_{i}": f'kind = "dataset.arithmetic"\ntask = "{task}"'
              for i, task in enumerate(tasks)}
    lines = [f"data_{i} -> generate" for i in range(brackets)]
    last, judges = "generate", []
    for i in range(brackets):
        names = [f"s{i}_{branch}" for branch in "abcd"]
        judges += names
        inner = (f"[{tasks[i]}: {names[0]}, {tasks[i - 1]}: {names[1]}, else: {names[2]}]"
                 if i % 2 else f"({names[0]} & {names[1]} & {names[2]})")
        lines.append(f"{last} -> {inner} -> {names[3]}")
        last = names[3]
    lines += [f"{last} -> reward -> learn", "learn.weights ~> generate.weights"]
    for name in judges:
        stages[name] = 'kind = "verifier.format"\nrule = "finished"'
    stages["generate"] = 'kind = "generator"\nmodel = "policy"'
    stages["reward"] = ('kind = "scorer.weighted"\nweights = { '
                        + ", ".join(f"{name} = 1" for name in judges) + " }")
    stages["learn"] = 'kind = "learner.grpo"\nmodel = "policy"'
    text = 'format = 1\n[model.policy]\nload = "model.gguf"\n'
    text += "".join(f"[stage.{name}]\n{body}\n" for name, body in stages.items())
    text += "[graph]\nflow = [\n" + "".join(f'  "{line}",\n' for line in lines) + "]\n"
    (folder / "model.gguf").write_bytes(b"")  # checking does not open it
    graph = folder / "large.toml"
    graph.write_text(text)
    return graph


def run_graph(troupe, graph, folder, sets):
    command = [troupe, "run", graph, "--quiet", "--set", f'run.directory="{folder}"']
    for item in sets:
        command += ["--set", item]
    begin = time.time()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"the run failed:\n{done.stdout}{done.stderr}")
    return begin, metrics_of(next(pathlib.Path(folder).iterdir()))


def first_token(troupe, graph, repeats):
    values = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            begin, lines = run_graph(troupe, graph, folder, [
                "run.steps=1", "stage.generate.max_new_tokens=1", "stage.generate.group_size=2",
                "stage.learn.prompts_per_step=1", "stage.eval.before=false",
                "stage.eval.after=false"])
            first = next(line for line in lines if "generate/first_sample_s" in line)
            values.append(first["wall_seconds"] - begin)
    row("start of a run to its first token", values, "s", 2)


def step_shares(troupe, graph, steps):
    with tempfile.TemporaryDirectory() as folder:
        _, lines = run_graph(troupe, graph, folder, [
            f"run.steps={steps}", "stage.eval.before=false", "stage.eval.after=false"])
    merged = {}
    for line in lines:
        merged.setdefault(line["step"], {}).update(line)
    whole, engines, generating, learning, recording, behind = [], [], [], [], [], []
    for step in sorted(merged)[1:]:  # the first step has no step before it
        line = merged[step]
        if "time/step_s" not in line or "generate/busy_s" not in line:
            continue
        learner = line["time/forward_s"] + line["time/backward_s"] + line["time/optimizer_s"]
        whole.append(line["time/step_s"])
        recording.append(100 * line["ledger/busy_s"] / line["time/step_s"])
        behind.append(1000 * line["ledger/behind_max_s"])
        generating.append(line["generate/busy_s"])
        learning.append(learner)
        engines.append(100 * (1 - (learner + line["generate/busy_s"]) / line["time/step_s"]))
    row("quickstart: a step of 16 x 8 completions", whole, "s", 2)
    row("  of it generation engine", generating, "s", 2)
    row("  of it training engine", learning, "s", 2)
    row("  of it everything that is not an engine", engines, "%", 2)
    row("  of it ledger, sample log and metrics", recording, "%", 3)
    row("  the most that commits were behind", behind[-1:], "ms", 1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    row("  peak memory of the program, everything included", [peak], "MiB", 0)
    plan = subprocess.run([troupe, "plan", graph, "--json"], check=True, capture_output=True,
                          text=True)
    planned = json.loads(plan.stdout)["resources"]["memory_bytes_max"] / 2**20
    row("  what its plan says of that", [planned], "MiB", 0)
    row("  the peak, of the plan", [100 * peak / planned], "%", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, default=find_source())
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    troupe = str(HERE.parent / "troupe")
    graph = str(arguments.source / "examples/quickstart/quickstart.toml")
    check_time(troupe, graph, 4 * arguments.repeats, "largest example graph")
    with tempfile.TemporaryDirectory() as folder:
        large = str(large_graph(pathlib.Path(folder), 60))
        check_time(troupe, large, 4 * arguments.repeats, "303 stages, 60 routes and joins")
    model = arguments.source / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    if not model.exists():
        print(f"The other measurements need {model}: run ./dev setup")
        return
    first_token(troupe, graph, arguments.repeats)
    step_shares(troupe, graph, arguments.steps)


if __name__ == "__main__":
    main()
