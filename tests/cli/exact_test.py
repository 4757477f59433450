#!/usr/bin/env python3
"""Exact runs: the same file and seed give the same bytes of weights and optimizer, whatever the
timing, and across kill -9 and resume. Runs the real program; CMakeLists.txt says with which
environment."""
import os
import time

from tiny_run import DONE, GRAPH, TinyRunTest, dice, main, sets, steps_in

STEPS = 12

FILTERED = GRAPH.replace("[edge.\"reward -> learn\"]", "[edge.\"select -> learn\"]").replace(
    "reward -> learn\"", "reward -> select -> learn\"").replace(
    "[graph]", "[stage.select]\nkind = \"filter.group\"\n[graph]")


class Exact(TinyRunTest):
    def weights_of(self, run):
        """{path: bytes} of every checkpoint, without the manifest, which names the life."""
        folder = self.path("runs", run, "checkpoints")
        files = {}
        for where, _, names in os.walk(folder):
            for name in names:
                if name == "manifest.json":
                    continue
                path = os.path.join(where, name)
                with open(path, "rb") as file:
                    files[os.path.relpath(path, folder)] = file.read()
        self.assertTrue(any(name.endswith("optimizer/state.safetensors") for name in files))
        return files

    def check_same(self, run, other):
        first, second = self.weights_of(run), self.weights_of(other)
        for name in sorted(set(first) & set(second)):
            self.assertEqual(first[name] == second[name], True,
                             f"{name} of {run} and {other} differ")
        last = f"step-{STEPS:06}/model/model.safetensors"
        self.assertIn(last, first)
        self.assertIn(last, second)

    def settings(self, graph, staleness, dtype):
        self.write("tiny.toml", graph)
        edge = "select -> learn" if "select" in graph else "reward -> learn"
        return ["--exact", "--quiet", *sets([f"run.steps={STEPS}", f"model.policy.dtype={dtype}",
                                             f'edge."{edge}".max_staleness={staleness}'])]

    def two_runs(self, graph, staleness, dtype):
        settings = self.settings(graph, staleness, dtype)
        self.troupe("run", "tiny.toml", *settings, status=DONE)
        # The same with other timing: one sample at a time, and one worker.
        self.troupe("run", "tiny.toml", *settings,
                    *sets(["stage.generate.max_sequences=4", "stage.check_math.workers=1"]),
                    status=DONE)
        self.check_same("tiny-001", "tiny-002")

    def test_two_runs_on_policy_make_the_same_bytes(self):
        self.two_runs(GRAPH, 0, "f32")

    def test_two_asynchronous_runs_make_the_same_bytes(self):
        self.two_runs(GRAPH, 2, "bf16")

    def test_two_asynchronous_runs_with_filtered_groups_make_the_same_bytes(self):
        self.two_runs(FILTERED, 2, "f32")

    def killed(self, graph, staleness):
        random = dice()
        settings = self.settings(graph, staleness, "f32")
        self.troupe("run", "tiny.toml", *settings, status=DONE)
        run = self.start("run", "tiny.toml", *settings)
        metrics = self.path("runs", "tiny-002", "metrics.jsonl")
        kills = 0
        for _ in range(20):
            target = (steps_in(metrics) or [0])[-1] + 1 + random.randrange(3)
            while run.alive() and (steps_in(metrics) or [0])[-1] < target:
                time.sleep(0.002)
            time.sleep(random.random() * 0.02)
            if run.alive():
                run.process.kill()
            done = run.wait()
            if done.status == DONE:
                break
            kills += 1
            run = self.start("resume", "tiny-002", "--quiet")
            if kills >= 4:
                run.wait()
        done = run.wait()
        self.assertEqual(done.status, DONE, str(done))
        self.assertGreaterEqual(kills, 2)
        self.check_same("tiny-001", "tiny-002")
        status = self.status_of("tiny-002")
        self.assertTrue(status["holds"])

    def test_killed_and_resumed_on_policy_makes_the_same_bytes(self):
        self.killed(GRAPH, 0)

    def test_killed_and_resumed_with_several_versions_under_way_makes_the_same_bytes(self):
        self.killed(GRAPH, 2)

    def test_killed_and_resumed_with_filtered_groups_makes_the_same_bytes(self):
        self.killed(FILTERED, 1)

    def test_logprob_gap_of_an_exact_run_is_zero(self):
        import json
        self.troupe("run", "tiny.toml", *self.settings(GRAPH, 0, "bf16"), status=DONE)
        with open(self.path("runs", "tiny-001", "metrics.jsonl"), encoding="utf-8") as file:
            gaps = [json.loads(line).get("logprob_gap/max") for line in file]
        gaps = [gap for gap in gaps if gap is not None]
        self.assertEqual(len(gaps), STEPS)
        self.assertEqual(set(gaps), {0.0})


if __name__ == "__main__":
    main()
