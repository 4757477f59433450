"""What the process tests share: a graph over the tiny random model, the program as a process, and
readers of what a run directory holds. Everything happens in a temporary directory of the test; only
processes that the test began are ended."""
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.environ.get("TROUPE_PROGRAM", "")
MAKE_TINY_MODEL = os.environ.get("TROUPE_MAKE_TINY_MODEL", "")

PROMPTS = 2  # of a step
GROUP = 4    # samples of a prompt
PATIENCE = 120  # seconds for what takes one second on an idle machine

DONE, FAILED, USAGE, CONFIGURATION, INTERRUPTED = 0, 1, 2, 78, 130

GRAPH = """format = 1
[run]
name = "tiny"
seed = 1
steps = 4
threads = 1
checkpoint_every = 2
[model.policy]
load = "model"
dtype = "f32"
[stage.questions]
kind = "dataset.arithmetic"
[stage.held_out]
kind = "dataset.arithmetic"
split = "held_out"
[stage.generate]
kind = "generator"
model = "policy"
group_size = 4
max_new_tokens = 8
[stage.check_math]
kind = "verifier.math"
[stage.check_finished]
kind = "verifier.format"
rule = "finished"
[stage.reward]
kind = "scorer.weighted"
weights = { check_math = 1.0, check_finished = 0.1 }
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = 2
truncated = "score"
learning_rate = 1e-3
[stage.eval]
kind = "evaluator"
model = "policy"
questions = "held_out"
judges = ["check_math"]
limit = 4
max_new_tokens = 8
[graph]
flow = [
  "questions -> generate -> (check_math & check_finished) -> reward -> learn",
  "learn.weights ~> generate.weights",
  "learn.weights ~> eval.weights",
]
[edge."reward -> learn"]
max_staleness = 0
"""


class Finished:
    """How a process ended and what it said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"exit status {self.status}\n--- out\n{self.out}--- err\n{self.err}"


class Process:
    """The program, running in the background; what it says goes to files, so it never waits."""

    def __init__(self, arguments, folder):
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        # As a shell with job control would start it: whoever started the tests may ignore Ctrl-C.
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], cwd=folder, stdout=self.out, stderr=self.err,
            stdin=subprocess.DEVNULL, preexec_fn=take_signals)

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end within {patience} s:\n{self.said()}") from None
        return self.said()

    def said(self):
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return Finished(self.process.returncode, *texts)

    def close(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


def take_signals():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class TinyRunTest(unittest.TestCase):
    """A test in its own directory with a graph `tiny.toml` and a model beside it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="troupe-process-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = []
        self.addCleanup(lambda: [process.close() for process in self.processes])
        subprocess.run([MAKE_TINY_MODEL, self.path("model")], check=True, timeout=PATIENCE)
        self.write("tiny.toml", GRAPH)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def path_exists(self, name):
        return os.path.exists(self.path(name))

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *arguments, folder=None):
        self.processes.append(Process(arguments, folder or self.folder))
        return self.processes[-1]

    def troupe(self, *arguments, folder=None, status=None):
        done = self.start(*arguments, folder=folder).wait()
        if status is not None:
            self.assertEqual(done.status, status, f"troupe {' '.join(arguments)}: {done}")
        return done

    def start_run(self, *settings, quiet=True):
        """`troupe run` with values as in run.steps=7, and the process."""
        return self.start("run", "tiny.toml", *(["--quiet"] if quiet else []), *sets(settings))

    def wait_for_step(self, process, step, run="tiny-001", patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if steps_in(self.path("runs", run, "metrics.jsonl"))[-1:] >= [step]:
                return
            if not process.alive():
                raise AssertionError(f"it ended before step {step}: {process.said()}")
            time.sleep(0.005)
        raise AssertionError(f"step {step} did not come within {patience} s")

    def status_of(self, run="tiny"):
        done = self.troupe("status", run, "--json", status=DONE)
        return json.loads(done.out)

    def check_one_error(self, done, status, *parts):
        """One error that says what to do, the right exit status, no sign of a crash."""
        self.assertEqual(done.status, status, str(done))
        errors = [line for line in done.err.splitlines() if line.startswith("error")]
        self.assertEqual(len(errors), 1, str(done))
        self.assertIn("help: ", done.err, str(done))
        for part in parts:
            self.assertIn(part, done.err, str(done))
        for bad in ("terminate called", "Assertion", "what():", "core dumped", "Sanitizer"):
            self.assertNotIn(bad, done.err, str(done))

    def check_books(self, steps, run="tiny-001"):
        """Of a run that has ended: nothing is lost, trained twice or counted twice."""
        folder = self.path("runs", run)
        status = self.status_of(folder)
        self.assertTrue(status["holds"], status)
        self.assertEqual(status["problems"], [])
        self.assertEqual(status["step"], steps)
        for what, count in (("samples", steps * PROMPTS * GROUP), ("prompts", steps * PROMPTS)):
            self.assertEqual(status[what]["trained"], count, status[what])
            self.assertEqual(status[what]["in_flight"], 0, status[what])
        self.assertEqual(steps_in(os.path.join(folder, "metrics.jsonl")),
                         list(range(1, steps + 1)))
        trained = effective_trainings(os.path.join(folder, "samples"))
        self.assertEqual(len(trained), steps * PROMPTS * GROUP)
        per_step = {}
        for sample, step in trained.items():
            per_step.setdefault(step, set()).add(sample)
        self.assertEqual(sorted(per_step), list(range(1, steps + 1)))
        self.assertEqual({len(samples) for samples in per_step.values()}, {PROMPTS * GROUP})
        batches = batches_of(os.path.join(folder, "ledger.sqlite"))
        self.assertEqual([step for step, _ in batches], list(range(1, steps + 1)))
        prompts = [prompt for _, used in batches for prompt in used]
        self.assertEqual(len(prompts), steps * PROMPTS)
        self.assertEqual(len(set(prompts)), len(prompts), "a prompt was used by two steps")


def sets(settings):
    return [word for setting in settings for word in ("--set", setting)]


def lines_of(path):
    """The whole JSON lines of a file that may still be written."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def steps_in(metrics):
    """The learner's steps, in the order of the file."""
    return [line["step"] for line in lines_of(metrics) if "learner/loss" in line]


def sample_lines(folder):
    """The lines of a sample log, closed segments first."""
    lines = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".jsonl"):
            lines += lines_of(path)
        elif name.endswith(".jsonl.gz"):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                lines += [json.loads(line) for line in file]
    return lines


def effective_trainings(folder):
    """{sample: step} of what counts in the end: what the batches of the ledger name. A life may log
    once more what an earlier one had logged and not committed. Raises when a sample counts
    twice."""
    batches = {(step, prompt) for step, used in
               batches_of(os.path.join(os.path.dirname(folder), "ledger.sqlite"))
               for prompt in used}
    counts, seen = {}, set()
    for line in sample_lines(folder):
        prompt = (line["dataset"], line["epoch"], line["row"])
        if line["end"] != "trained" or (line["step"], prompt) not in batches:
            continue
        if (line["id"], line["incarnation"]) in seen or counts.get(line["id"],
                                                                   line["step"]) != line["step"]:
            raise AssertionError(f"sample {line['id']} was trained twice: {line}")
        seen.add((line["id"], line["incarnation"]))
        counts[line["id"]] = line["step"]
    return counts


def batches_of(ledger):
    """[(step, prompts)] as the ledger has them."""
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT step, prompts FROM batch ORDER BY id").fetchall()
    database.close()
    return [(step, list(struct.iter_unpack("<IIQ", blob))) for step, blob in rows]


def main():
    if not PROGRAM or not MAKE_TINY_MODEL:
        sys.exit("set TROUPE_PROGRAM and TROUPE_MAKE_TINY_MODEL to what the build made")
    unittest.main(module="__main__", verbosity=2)


def dice():
    """Random moments; TROUPE_SEED repeats a choice of them."""
    seed = int(os.environ.get("TROUPE_SEED", random.SystemRandom().randrange(10**6)))
    print(f"TROUPE_SEED={seed} repeats these moments", file=sys.stderr)
    return random.Random(seed)
