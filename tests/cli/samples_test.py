#!/usr/bin/env python3
"""`troupe samples`, and a run directory that is moved. Runs the real program; CMakeLists.txt says
with which environment."""
import json
import os
import shutil
import time

from tiny_run import (CONFIGURATION, DONE, FAILED, GRAPH, USAGE, TinyRunTest, lines_of, main,
                      sample_lines, sets)


class Samples(TinyRunTest):
    def samples(self, *arguments, run="tiny", status=DONE):
        return self.troupe("samples", run, *arguments, status=status).out

    def objects(self, *arguments, **more):
        return [json.loads(line) for line in self.samples(*arguments, "--json", **more).splitlines()]

    def test_samples_are_found_by_what_became_of_them(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        log = sample_lines(self.path("runs/tiny-001/samples"))
        self.assertEqual(len(log), 32)
        everything = self.objects()
        self.assertEqual([one["id"] for one in everything], [one["id"] for one in log])
        self.assertNotIn("crc32c", everything[0])
        for asked, wanted in (
                (("--step", "2..3"), lambda one: one["step"] in (2, 3)),
                (("--step", "4"), lambda one: one["step"] == 4),
                (("--reward", "<0.05"), lambda one: one["reward"] < 0.05),
                (("--reward", ">=0.05", "--reward", "<2"), lambda one: 0.05 <= one["reward"] < 2),
                (("--verdict", "check_math=0"),
                 lambda one: one["verdicts"]["check_math"]["score"] == 0),
                (("--verdict", "check_finished=scored", "--end", "trained"), lambda one: True),
                (("--end", "filtered"), lambda one: False),
                (("--prompt", log[0]["group"]), lambda one: one["group"] == log[0]["group"]),
                (("--prompt", log[0]["question"]),
                 lambda one: log[0]["question"] in one["question"]),
                (("--question", r"^What"), lambda one: one["question"].startswith("What")),
                (("--version", "1"), lambda one: [0, 0, 1] in one["versions"])):
            self.assertEqual([one["id"] for one in self.objects(*asked)],
                             [one["id"] for one in log if wanted(one)], asked)
        self.assertEqual(self.samples("--count", "--step", "1..2").strip(), "16")
        self.assertEqual([one["id"] for one in self.objects("--limit", "3")],
                         [one["id"] for one in log[-3:]])
        self.assertEqual([one["id"] for one in self.objects("--limit", "3", "--first")],
                         [one["id"] for one in log[:3]])
        lengths = [one["tokens"] for one in self.objects("--sort", "tokens", "--limit", "5")]
        self.assertEqual(lengths, sorted(one["tokens"] for one in log)[-5:])
        table = json.loads(self.samples("--by", "step", "--json"))
        self.assertEqual([(row["step"], row["samples"]) for row in table],
                         [(str(step), 8) for step in (1, 2, 3, 4)])
        self.assertIn("check_math", self.samples("--by", "verdict"))
        shown = self.samples("--limit", "2")
        for part in (log[-1]["id"], "trained by step 4", "question", "verdicts", "check_finished",
                     "2 of 32 samples that match"):
            self.assertIn(part, shown)
        self.assertIn("No sample matches, of 32", self.samples("--end", "failed"))

    def test_one_samples_whole_life(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        sample = sample_lines(self.path("runs/tiny-001/samples"))[-1]["id"]
        life = self.samples("--id", sample)
        for part in ("sample " + sample, "admitted", "as number", "generated", "tokens",
                     "weights of step 3", "check_math", "reward", " x 1 (check_math)",
                     "trained by step 4", "in the batch of step 4",
                     "group " + sample.split("/")[0], "/"):
            self.assertIn(part, life)
        self.assertEqual(life.count("reward "), 4, life)  # its own and three siblings'
        data = json.loads(self.samples("--id", sample, "--json"))
        self.assertEqual((data["ledger"]["end"], data["ledger"]["step"]), ("trained", 4))
        self.assertEqual([use["step"] for use in data["uses"]], [4])
        self.assertEqual(len(data["siblings"]), 3)
        done = self.troupe("samples", "tiny", "--id", sample.split("/")[0] + "/9")
        self.check_one_error(done, USAGE, "no sample", "/0 to ", "/3")
        self.check_one_error(self.troupe("samples", "tiny", "--id", "0.0.999999/0"), USAGE,
                             "no sample")

    def test_what_a_model_wrote_cannot_command_the_terminal(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        file = self.path("runs/tiny-001/samples/samples-000001.jsonl")
        line = dict(lines_of(file)[0], text="\x1b[2J\x07\x9b31mred", reason="\x1b]0;owned\x07")
        del line["crc32c"]
        self.write("runs/tiny-001/samples/samples-000001.jsonl", json.dumps(line) + "\n")
        for arguments in ((), ("--id", line["id"]), ("--by", "reason")):
            out = self.samples(*arguments)
            self.assertNotIn("\x1b", out)
            self.assertNotIn("\x07", out)
            self.assertNotIn("\x9b", out)
        self.assertIn("\\x1b[2J", self.samples())

    def test_exported_samples_are_a_dataset_again(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        out = self.samples("--export", "best.jsonl", "--step", "3..4")
        self.assertIn("Wrote 16 samples to best.jsonl", out)
        self.assertEqual(len(lines_of(self.path("best.jsonl"))), 16)
        self.assertFalse(self.path_exists("best.jsonl.new"))
        self.check_one_error(self.troupe("samples", "tiny", "--export", "best.jsonl"), USAGE,
                             "exists already")
        self.write("again.toml", GRAPH.replace(
            'kind = "dataset.arithmetic"\n[stage.held_out]',
            'kind = "dataset.jsonl"\npath = "best.jsonl"\n[stage.held_out]').replace(
                '"tiny"', '"again"'))
        self.troupe("run", "again.toml", "--quiet", status=DONE)
        self.assertEqual(self.samples("--count", run="again").strip(), "32")

    def test_samples_of_a_run_that_runs_and_of_one_that_was_killed(self):
        run = self.start_run("run.steps=100000", "run.checkpoint_every=2")
        self.wait_for_step(run, 3)
        self.assertGreaterEqual(int(self.samples("--count", "--step", "1..2")), 8)
        run.process.kill()
        run.wait()
        self.troupe("samples", "tiny", status=DONE)
        goal = self.status_of()["step"] + 2
        self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        # What the first life trained after its last checkpoint was made again, and counts once.
        table = json.loads(self.samples("--by", "step", "--end", "trained", "--json"))
        self.assertEqual([(int(row["step"]), row["samples"]) for row in table],
                         [(step, 8) for step in range(1, goal + 1)])
        self.assertGreaterEqual(int(self.samples("--count", "--all-lives")),
                                int(self.samples("--count")))

    def test_a_small_sample_log_keeps_its_newest_part_while_it_runs(self):
        run = self.start_run("run.steps=100000", "run.keep_samples=1MiB",
                             "stage.generate.max_new_tokens=64", "stage.generate.group_size=64",
                             "stage.learn.learning_rate=0")
        folder = self.path("runs/tiny-001/samples")
        end = time.monotonic() + 100
        while time.monotonic() < end and run.alive():
            if os.path.exists(folder) and any(n.endswith(".gz") for n in os.listdir(folder)):
                break
            time.sleep(0.05)
        packed = [name for name in os.listdir(folder) if name.endswith(".gz")]
        self.assertTrue(packed, os.listdir(folder))
        self.assertGreater(int(self.samples("--count")), 1000)  # read while it is written
        self.troupe("stop", "tiny", status=DONE)
        run.wait()
        log = sample_lines(folder)
        self.assertEqual(int(self.samples("--count")), len(log))
        self.assertEqual(len({one["id"] for one in log}), len(log))
        goal = self.status_of()["step"] + 1
        self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        self.assertTrue(self.status_of()["holds"])

    def test_wrong_questions_are_answered_with_what_may_be_asked(self):
        self.troupe("run", "tiny.toml", "--quiet", "--set", "run.steps=1", status=DONE)
        for arguments, says in (
                (("--step", "x"), "10..20"), (("--step", "5..2"), "smaller number first"),
                (("--reward", "good"), ">=0.5"), (("--verdict", "check_math"), "STAGE=NUMBER"),
                (("--end", "lost"), "left_over"), (("--text", "(["), "backslash"),
                (("--sort", "beauty"), "reward"), (("--by", "mood"), "verdict"),
                (("--limit", "0"), "1"), (("--id", "seven"), "0.0.17/3"),
                (("--sort", "reward", "--json"), "--limit"),
                (("--prompt", "What", "--question", "x"), "--question")):
            self.check_one_error(self.troupe("samples", "tiny", *arguments), USAGE, says)
        self.check_one_error(self.troupe("samples", "nosuch"), USAGE, "no run is called 'nosuch'")

    def test_a_directory_can_be_moved_with_what_it_names_and_alone(self):
        os.mkdir(self.path("here"))
        for name in ("model", "tiny.toml"):
            os.rename(self.path(name), self.path("here", name))
        self.troupe("run", "tiny.toml", "--quiet", folder=self.path("here"), status=DONE)
        before = self.status_of(self.path("here/runs/tiny-001"))
        # Alone: what was measured is all there; the model is where it was.
        os.mkdir(self.path("there"))
        shutil.move(self.path("here/runs/tiny-001"), self.path("there/moved"))
        moved = self.path("there/moved")
        after = self.status_of(moved)
        self.assertEqual((before["samples"], before["step"]), (after["samples"], after["step"]))
        self.assertEqual(self.samples("--count", run=moved).strip(), "32")
        self.troupe("eval", moved, status=DONE)
        self.troupe("resume", moved, "--quiet", "--set", "run.steps=5", status=DONE)
        # The model moves too: what is missing is named, and how to say where it is now.
        os.rename(self.path("here/model"), self.path("there/model"))
        done = self.troupe("resume", moved, "--quiet", "--set", "run.steps=6")
        self.check_one_error(done, CONFIGURATION, "model", "--set model.policy.load=")
        self.troupe("resume", moved, "--quiet",
                    *sets(["run.steps=6", "model.policy.load=there/model"]), status=DONE)
        self.troupe("resume", moved, "--quiet", "--set", "run.steps=7", status=DONE)  # remembered
        self.assertTrue(self.status_of(moved)["holds"])
        self.troupe("eval", moved, status=DONE)

    def test_a_directory_that_cannot_be_written_is_still_read(self):
        if os.geteuid() == 0:
            print("SKIPPED: root may write everywhere; run the tests as somebody else")
            return
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        run = self.path("runs/tiny-001")
        for folder, _, files in os.walk(run):
            for name in files:
                os.chmod(os.path.join(folder, name), 0o444)
            os.chmod(folder, 0o555)
        try:
            self.assertEqual(self.status_of(run)["samples"]["trained"], 32)
            self.assertEqual(self.samples("--count", run=run).strip(), "32")
            self.samples("--id", sample_lines(os.path.join(run, "samples"))[0]["id"], run=run)
            self.troupe("eval", run, status=DONE)
        finally:
            for folder, _, _ in os.walk(run):
                os.chmod(folder, 0o755)

    def test_files_of_a_later_program_are_refused_with_its_version(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        run = self.path("runs/tiny-001")

        def change(name, edit):
            with open(os.path.join(run, name), encoding="utf-8") as file:
                text = file.read()
            data = json.loads(text)
            edit(data)
            self.write(os.path.join(run, name), json.dumps(data))
            return lambda: self.write(os.path.join(run, name), text)

        def later(data):
            data["format"] = 99
            data["troupe_version"] = "9.9.9"

        restore = change("run.json", later)
        for command in (("status",), ("samples",), ("resume",)):
            done = self.troupe(command[0], run)
            self.check_one_error(done, FAILED, "format 99", "troupe 9.9.9", "formats up to 1")
        restore()
        restore = change("samples/format.json", later)
        self.check_one_error(self.troupe("samples", run), FAILED, "format 99", "troupe 9.9.9")
        self.check_one_error(self.troupe("resume", run, "--set", "run.steps=9"), FAILED,
                             "the sample log has format 99")
        restore()
        restore = change("invocation.json", later)
        for command in ("resume", "eval"):
            self.check_one_error(self.troupe(command, run), FAILED, "format 99", "troupe 9.9.9")
        restore()
        self.assertEqual(self.samples("--count", run=run).strip(), "32")


if __name__ == "__main__":
    main()
