#!/usr/bin/env python3
"""Writes data/: conformance files whose expected values come from plain Python written apart from
the implementation. Run it in this folder after changing it; the files are committed."""
import json
import math
import pathlib
import statistics

DATA = pathlib.Path(__file__).parent / "data"


def write(folder, name, formula, cases, rtol=1e-9):
    for case in cases:
        case.setdefault("rtol", rtol)
    (DATA / folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps({"name": name, "source": "make_data.py", "formula": formula, "cases": cases},
                      indent=1)
    (DATA / folder / f"{name}.json").write_text(text + "\n")


def advantages(rewards, std, epsilon):
    there = [r for r in rewards if r is not None]
    if len(there) < 2 or max(there) == min(there):
        return [0.0] * len(rewards)
    mean, spread = statistics.fmean(there), std(there) + epsilon
    return [0.0 if r is None else (r - mean) / spread for r in rewards]


def rloo(rewards):
    total, n = sum(rewards), len(rewards)
    return [r - (total - r) / (n - 1) for r in rewards]


def group_advantage():
    cases = []
    for name, rewards in {
        "graded": [0.25, 1.0, 0.5, 0.0, 0.75],
        "negative": [-1.0, -0.5, -2.0],
        "half_missing": [None, 1.0, None, 0.25],
        "one_left": [None, 0.5, None],
        "equal_thirds": [1 / 3] * 7,
    }.items():
        expected = {"population_eps0": advantages(rewards, statistics.pstdev, 0.0),
                    "sample_eps1e-6": advantages(rewards, statistics.stdev, 1e-6),
                    "sample_eps1e-4": advantages(rewards, statistics.stdev, 1e-4)}
        if None not in rewards and max(rewards) > min(rewards):
            expected["rloo"] = rloo(rewards)
        cases.append({"id": name, "inputs": {"rewards": rewards}, "expected": expected})
    write("good", "group_advantage", "as the reference file of this name", cases)


def clip_objective(r, a, low, high, c=None, delta=None):
    first = min(r, delta) if delta else r
    value = min(first * a, min(max(r, 1 - low), 1 + high) * a)
    return max(value, c * a) if c and a < 0 else value


def surrogate():
    ratios = [0.05, 0.7, 0.8001, 1.0, 1.3499, 2.0, 4.0, 30.0]
    cases = [
        {"id": "clip_higher", "inputs": {"eps_low": 0.2, "eps_high": 0.35, "r": ratios},
         "expected": {"A+1": [clip_objective(r, 1, 0.2, 0.35) for r in ratios],
                      "A-1": [clip_objective(r, -1, 0.2, 0.35) for r in ratios]}},
        {"id": "two_sided", "inputs": {"eps_low": 0.2, "eps_high": 0.2, "delta": 3.5, "A": -2,
                                       "r": ratios},
         "expected": {"objective": [clip_objective(r, -2, 0.2, 0.2, delta=3.5) for r in ratios]}},
        {"id": "dual", "inputs": {"eps_low": 0.1, "eps_high": 0.1, "c": 2.5, "A": -0.5, "r": ratios},
         "expected": {"objective": [clip_objective(r, -0.5, 0.1, 0.1, c=2.5) for r in ratios]}},
        {"id": "sapo", "inputs": {"tau": 1.7, "r": ratios},
         "expected": {"value": [4 / 1.7 / (1 + math.exp(-1.7 * (r - 1))) for r in ratios]}},
    ]
    write("good", "surrogate", "as the reference file of this name", cases)


def peer_policy_loss():
    lp = [[-0.3, -2.5, -1.1], [-0.8], [-3.0, -0.2]]
    old = [[-0.5, -2.0, -1.1], [-1.6], [-1.0, -0.9]]
    mask = [[1, 0, 1], [1], [1, 1]]
    a = [0.7, -1.2, 0.4]
    token = [[-clip_objective(math.exp(x - y), adv, 0.2, 0.3, c=2.0) for x, y in zip(r, o)]
             for r, o, adv in zip(lp, old, a)]
    sums = [sum(v * k for v, k in zip(row, m)) for row, m in zip(token, mask)]
    counts = [sum(m) for m in mask]
    inputs = {"lp": lp, "old": old, "A": a, "mask": mask, "loss": "vanilla", "eps": [0.2, 0.3],
              "dual_clip_c": 2.0}
    values = {"token-mean": sum(sums) / sum(counts),
              "token-sum": sum(sums),
              "seq-mean-token-sum": sum(sums) / 3,
              "seq-mean-token-mean": sum(s / n for s, n in zip(sums, counts)) / 3}
    write("good", "peer_policy_loss", "as the reference file of this name",
          [{"id": name, "inputs": {**inputs, "reduction": name}, "expected": {"loss": value}}
           for name, value in values.items()])


def unknown():
    write("good", "no_such_family", "a family nobody implements is counted, not failed",
          [{"id": "x", "inputs": {}, "expected": {"value": 1}}])


def wrong():
    write("wrong", "surrogate", "the second expected value is wrong on purpose",
          [{"id": "off_by_a_millionth",
            "inputs": {"eps_low": 0.2, "eps_high": 0.2, "r": [0.9, 1.0]},
            "expected": {"A+1": [0.9, 1.000001]}}])


def broken():
    folder = DATA / "broken"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "not_json.json").write_text('{"name": "surrogate", "cases": [\n')
    (folder / "no_rtol.json").write_text(
        '{"name": "surrogate", "cases": [{"id": "a", "inputs": {}, "expected": {}}]}\n')


if __name__ == "__main__":
    for make in (group_advantage, surrogate, peer_policy_loss, unknown, wrong, broken):
        make()
