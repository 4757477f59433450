#!/usr/bin/env python3
"""A graph with two tasks, a route, a join around it and a judge model, run as real processes on a
tiny model; CMakeLists.txt says with which environment."""
import json
import signal
import string

from tiny_run import DONE, GRAPH, INTERRUPTED, TinyRunTest, lines_of, main

# The tiny model writes bytes by chance: one letter is a judgement, anything else is asked again.
HALVES = string.ascii_lowercase[:13], string.ascii_lowercase[13:]
ROUTED = GRAPH[:GRAPH.index("[stage.held_out]")].replace(
    "[model.policy]", "[model.grader]\nload = \"model\"\ndtype = \"f32\"\n[model.policy]") + f"""
[stage.facts]
kind = "dataset.jsonl"
path = "facts.jsonl"
task = "facts"
[stage.generate]
kind = "generator"
model = "policy"
group_size = 4
max_new_tokens = 8
[stage.check_finished]
kind = "verifier.format"
rule = "finished"
[stage.check_math]
kind = "verifier.math"
[stage.check_facts]
kind = "verifier.judge"
max_new_tokens = 1
retries = 100
correct = {json.dumps(list(HALVES[0]))}
incorrect = {json.dumps(list(HALVES[1]))}
[stage.grader]
kind = "generator"
model = "grader"
[stage.reward]
kind = "scorer.weighted"
weights = {{ check_math = 1.0, check_facts = 1.0, check_finished = 0.1 }}
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = 2
truncated = "score"
learning_rate = 1e-3
[graph]
flow = [
  "questions -> generate", "facts -> generate",
  "generate -> (check_finished & [math: check_math, else: check_facts]) -> reward -> learn",
  "check_facts <-> grader",
  "learn.weights ~> generate.weights",
]
[edge."reward -> learn"]
max_staleness = 1
"""


class Routes(TinyRunTest):
    def setUp(self):
        super().setUp()
        self.write("tiny.toml", ROUTED)
        self.write("facts.jsonl", "".join(
            json.dumps({"question": f"Which letter is number {i}?", "answer": letter}) + "\n"
            for i, letter in enumerate(string.ascii_lowercase)))

    def samples(self):
        """Of all lives of the run."""
        all_of_them = self.path("all.jsonl")
        self.troupe("samples", "runs/tiny-001", "--all-lives", "--limit", "100000",
                    "--export", all_of_them, status=DONE)
        return lines_of(all_of_them)

    def check_ways(self):
        """Each sample was judged on its own way only, and the judge's version is kept."""
        ways = {"check_math": 0, "check_facts": 0}
        for line in self.samples():
            if line["end"] != "trained":
                continue
            verdicts = line["verdicts"]
            facts = line["question"].startswith("Which letter")
            judge = "check_facts" if facts else "check_math"
            self.assertEqual(sorted(verdicts), sorted(["check_finished", judge]), line)
            ways[judge] += 1
            expected = verdicts[judge]["score"] + 0.1 * verdicts["check_finished"]["score"]
            self.assertAlmostEqual(line["reward"], expected)
            if facts:
                self.assertEqual(verdicts[judge]["asked"], {"grader": "0"}, line)
        return ways

    def test_every_sample_is_judged_on_the_way_of_its_task(self):
        self.troupe("check", "tiny.toml", status=DONE)
        done = self.troupe("run", "tiny.toml", "--set", "run.steps=6", status=DONE)
        self.assertIn("every one is accounted for", done.out)
        ways = self.check_ways()
        self.assertGreater(ways["check_math"], 0)
        self.assertGreater(ways["check_facts"], 0)
        self.assertEqual(sum(ways.values()), 6 * 8)

    def test_a_routed_run_that_is_stopped_or_killed_goes_on(self):
        run = self.start_run("run.steps=100000", "run.checkpoint_every=2")
        self.wait_for_step(run, 3)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait().status, INTERRUPTED)
        run = self.start("resume", "runs/tiny-001", "--quiet")
        self.wait_for_step(run, 8)
        run.signal(signal.SIGKILL)
        run.wait()
        run = self.start("resume", "runs/tiny-001", "--quiet")
        self.wait_for_step(run, 11)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait().status, INTERRUPTED)
        status = self.status_of("runs/tiny-001")
        self.assertTrue(status["holds"], status)
        self.check_ways()


if __name__ == "__main__":
    main()
