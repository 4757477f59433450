#!/usr/bin/env python3
"""What is wrong gives one clear error that says what to do, the right exit status, and leaves a run
directory that can be read and resumed. Runs the real program; CMakeLists.txt says with which
environment."""
import json
import os
import re
import resource
import signal
import shutil
import subprocess
import sys

from tiny_run import (CONFIGURATION, DONE, FAILED, GRAPH, PATIENCE, PROGRAM, USAGE, Finished,
                      TinyRunTest, main, sample_lines, sets)

QUESTIONS = "".join(f'{{"question": "What is {i} + 1?", "answer": "{i + 1}"}}\n'
                    for i in range(20))


class BadInput(TinyRunTest):
    def check_refused(self, *settings, status=CONFIGURATION, says=()):
        self.check_one_error(self.troupe("run", "tiny.toml", *sets(settings)), status, *says)

    def check_mended(self, run="tiny-001"):
        """The run directory of a failed run is readable, and resumable once the cause is gone."""
        status = self.status_of(run)
        self.assertEqual(status["state"], "failed")
        self.assertTrue(status["holds"])
        self.assertIn("troupe resume", self.troupe("status", run, status=DONE).out)
        self.troupe("resume", run, "--quiet", status=DONE)
        self.check_books(4, run)

    def test_a_graph_file_that_is_missing_or_wrong(self):
        self.check_one_error(self.troupe("run", "no.toml"), CONFIGURATION, "no such file")
        self.write("tiny.toml", GRAPH.replace("[graph]", "[graph"))
        self.check_refused(says=["tiny.toml:42", "not TOML"])
        self.write("tiny.toml", GRAPH.replace("group_size", "grup_size"))
        self.check_refused(says=["grup_size", "did you mean `group_size`?", "tiny.toml:19:1"])
        for command in ("check", "plan", "draw"):
            done = self.troupe(command, "tiny.toml")
            self.check_one_error(done, CONFIGURATION, "did you mean `group_size`?")
        self.assertFalse(os.path.exists(self.path("runs")), "nothing was to be made")

    def test_options_that_cannot_be(self):
        self.check_refused("stage.generate.temperature=-1", says=["temperature", "0 to 100"])
        self.check_refused("stage.questions.template=foo", says=["chatml", "r1-zero"])
        self.check_refused("stage.questions.kind=dataset.foo", says=["there is no kind"])
        self.check_refused('stage.eval.judges=["nope"]', says=["no stage is named `nope`"])
        self.check_refused("stage.eval.questions=check_math", says=["check_math"])
        self.check_refused("model.policy.load=nothing", says=["there is no file nothing"])
        self.check_refused("stage.learn.kl_coefficient=0.1", says=["reference"])
        self.check_refused("model.policy.dtype=f64", says=["f32"])

    def test_a_command_that_cannot_be(self):
        for arguments, says in (
                ((), "a command is missing"), (("frob",), "there is no command 'frob'"), (("run",), "FILE"),
                (("run", "tiny.toml", "--bogus"), "--bogus"), (("status",), "RUN"),
                (("status", "nosuch"), "no run is called 'nosuch'"),
                (("resume", "nosuch"), "no run is called 'nosuch'"),
                (("stop", "nosuch"), "no run is called 'nosuch'"),
                (("eval", "nosuch"), "no run is called 'nosuch'"),
                (("kinds", "nosuch"), "there is no kind 'nosuch'"),
                (("explain", "E9999"), "there is no code 'E9999'")):
            self.check_one_error(self.troupe(*arguments), USAGE, says)

    def test_a_model_that_is_corrupt_or_cut(self):
        shutil.copytree(self.path("model"), self.path("whole"))
        weights = self.path("model", "model.safetensors")
        os.truncate(weights, os.path.getsize(weights) // 2)
        self.check_refused(says=["model.safetensors", "tensor 'model.", "does not fit"])
        with open(weights, "r+b") as file:
            file.write(b"\xff" * 64)
        self.check_refused(says=["model.safetensors"])
        shutil.copy(self.path("whole", "model.safetensors"), weights)
        self.write("model/config.json", "{")
        self.check_refused(says=["config.json"])
        os.remove(self.path("model", "config.json"))
        self.check_refused(says=["config.json"])
        shutil.copy(self.path("whole", "config.json"), self.path("model", "config.json"))
        os.remove(self.path("model", "tokenizer.json"))
        self.check_refused(says=["tokenizer.json"])
        shutil.copy(self.path("whole", "tokenizer.json"), self.path("model", "tokenizer.json"))
        self.check_mended()

    def test_a_data_file_that_is_missing_or_broken(self):
        data = ["stage.questions.kind=dataset.jsonl", "stage.questions.path=questions.jsonl"]
        self.check_refused(*data, says=["there is no file questions.jsonl"])
        lines = QUESTIONS.splitlines(keepends=True)
        for bad in ('{"question": "What', '[1, 2]', '{"question": "no answer"}',
                    '{"question": null, "answer": "7"}', '{"question": "\xff\xfe", "answer": "7"}'):
            with open(self.path("questions.jsonl"), "w", encoding="latin-1") as file:
                file.write("".join(lines[:6]) + bad + "\n" + "".join(lines[6:]))
            self.check_refused(*data, says=["questions.jsonl:7"])
        several = "".join(lines[:6]) + "{\n" + lines[6] + '{"question": 1}\n' + lines[7]
        self.write("questions.jsonl", several)
        self.check_refused(*data, says=["questions.jsonl:7", "questions.jsonl:9"])
        self.write("questions.jsonl", "")
        self.check_refused(*data, says=["questions.jsonl"])
        self.write("questions.jsonl", QUESTIONS)
        self.check_mended()

    def test_rows_left_out_are_told_and_kept_in_the_run_directory(self):
        lines = QUESTIONS.splitlines(keepends=True)
        self.write("questions.jsonl", "".join(lines[:6]) + "{\n" + "".join(lines[6:]))
        data = ["stage.questions.kind=dataset.jsonl", "stage.questions.path=questions.jsonl",
                "stage.questions.bad_rows=skip"]
        done = self.troupe("run", "tiny.toml", *sets(data), status=DONE)
        self.assertIn("1 of the 21 rows", done.err)
        self.assertIn("questions.jsonl:7", done.err)
        with open(self.path("runs/tiny-001/data.json"), encoding="utf-8") as file:
            questions = next(d for d in json.load(file)["datasets"] if d["stage"] == "questions")
        self.assertEqual((questions["rows"], questions["used"]), (21, 20))
        self.assertEqual(len(questions["reasons"]), 1)

    def test_a_data_file_that_is_another_one_at_the_resume(self):
        self.write("questions.jsonl", QUESTIONS)
        data = ["stage.questions.kind=dataset.jsonl", "stage.questions.path=questions.jsonl"]
        self.troupe("run", "tiny.toml", "--quiet", *sets(data), status=DONE)
        more = ("resume", "tiny", "--set", "run.steps=6")
        self.write("questions.jsonl", QUESTIONS + '{"question": "new?", "answer": "1"}\n')
        self.check_one_error(self.troupe(*more), CONFIGURATION, "not the file", "if_changed=go_on")
        self.write("questions.jsonl", QUESTIONS)
        self.troupe(*more, "--quiet", status=DONE)
        self.write("questions.jsonl", QUESTIONS.replace("5", "6"))
        done = self.troupe("resume", "tiny", *sets(["run.steps=8",
                                                    "stage.questions.if_changed=go_on"]), status=DONE)
        self.assertIn("has changed", done.err)
        self.assertIn("new epoch, number 1", done.err)
        self.check_books(8)

    def test_a_mix_of_files_goes_on_after_a_resume_as_if_it_had_not_stopped(self):
        self.write("questions.jsonl", QUESTIONS)
        self.write("more.csv", "question,answer\n" + "".join(f"What is {i}?,{i}\n"
                                                            for i in range(7)))
        graph = GRAPH.replace('kind = "dataset.arithmetic"\n',
                              'kind = "dataset.jsonl"\npath = "questions.jsonl"\nweight = 3\n', 1)
        graph = graph.replace("[graph]\nflow = [\n", '[stage.more]\nkind = "dataset.csv"\n'
                              'path = "more.csv"\n[graph]\nflow = [\n  "more -> generate",\n')
        self.write("tiny.toml", graph)
        for name, steps in (("whole", 20), ("parts", 9)):
            self.troupe("run", "tiny.toml", "--quiet", *sets([f"run.name={name}",
                                                              f"run.steps={steps}"]), status=DONE)
        self.troupe("resume", "parts", "--quiet", "--set", "run.steps=20", status=DONE)
        trained = []
        for name in ("whole", "parts"):
            steps = {}
            folder = self.path("runs", name + "-001", "samples")
            for line in sample_lines(folder):
                if line["end"] == "trained":
                    key = (line["dataset"], line["epoch"], line["row"])
                    steps.setdefault(line["step"], set()).add(key)
            trained.append(steps)
        self.assertEqual(len(trained[0]), 20)
        self.assertEqual(trained[0], trained[1])
        prompts = [key for step in trained[0].values() for key in step]
        self.assertEqual(len(prompts), 40)
        self.assertEqual(sum(1 for key in prompts if key[1] == 0 and key[0] == 0), 20)
        self.assertEqual(len({key[0] for key in prompts}), 2)

    def test_a_run_directory_that_cannot_be_made(self):
        self.write("file", "")
        self.check_refused("run.directory=file", status=FAILED, says=["file"])
        self.check_refused("run.directory=file/below", status=FAILED, says=["file"])
        self.check_refused("run.directory=/proc/runs", status=FAILED, says=["/proc/runs"])
        self.check_refused("run.name=a/b", says=["name"])
        os.mkdir(self.path("locked"))
        os.chmod(self.path("locked"), 0o555)
        if os.geteuid() == 0:
            print("root may write everywhere: a folder without permission was not tried",
                  file=sys.stderr)
        else:
            self.check_refused("run.directory=locked", status=FAILED, says=["ermission"])

    def test_a_damaged_run_directory(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        self.write("runs/tiny-001/run.json", "{")  # its copy is taken, and that is said
        resumed = self.troupe("resume", "tiny", "--set", "run.steps=5", status=DONE)
        self.assertIn("run.json' is damaged", resumed.err)
        self.assertIn("its copy", resumed.err)
        self.check_books(5)
        for name, damage in (("run.json", ("run.json", "run.copy.json")),
                             ("invocation.json", ("invocation.json",))):
            kept = {}
            for file_name in damage:
                with open(self.path("runs/tiny-001", file_name), encoding="utf-8") as file:
                    kept[file_name] = file.read()
                self.write("runs/tiny-001/" + file_name, "[]")
            resumed = self.troupe("resume", "tiny", "--set", "run.steps=6")
            self.check_one_error(resumed, FAILED, name, "damaged")
            for file_name, whole in kept.items():
                self.write("runs/tiny-001/" + file_name, whole)
        with open(self.path("runs/tiny-001/ledger.sqlite"), "r+b") as file:
            file.write(b"not a database, not at all" * 10)
        self.check_one_error(self.troupe("resume", "tiny", "--set", "run.steps=6"), FAILED,
                             "ledger.sqlite")
        shown = self.troupe("status", "tiny")
        self.assertIn("problem", shown.out, str(shown))

    def test_a_file_that_may_not_grow_fails_the_run_and_it_can_go_on(self):
        """As with a quota: writes beyond a size are refused."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, resource.RLIM_INFINITY))

        # Sample log and ledger grow until they reach the limit; checkpoints stay below it.
        done = subprocess.run(
            [PROGRAM, "run", "tiny.toml", "--quiet",
             *sets(["run.steps=100000", "run.checkpoint_every=10", "stage.learn.prompts_per_step=16",
                    "stage.generate.group_size=8", "stage.generate.max_new_tokens=2"])],
            cwd=self.folder, preexec_fn=limit, capture_output=True, timeout=PATIENCE, check=False)
        done = Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
        self.check_one_error(done, FAILED, "cannot be written")
        self.check_can_go_on()

    def check_can_go_on(self):
        status = self.status_of("tiny-001")
        self.assertTrue(status["holds"], status)
        self.assertIn(status["state"], ("failed", "died"))
        goal = status["step"] + 2
        done = self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        self.assertIn("every one is accounted for", done.out)
        status = self.status_of("tiny-001")
        self.assertEqual((status["step"], status["state"]), (goal, "finished"))

    def test_a_full_disk_fails_the_run_and_it_can_go_on(self):
        """A file system of 3 MB, in a mount namespace of its own: only this test sees it."""
        script = r"""
          mount -t tmpfs -o size=3m tmpfs runs || exit 99
          "$0" run tiny.toml --quiet --set run.steps=100000 --set run.keep_checkpoints=1000
          echo "status $?"
          "$0" status tiny || exit 1
          mount -o remount,size=64m runs
          "$0" resume tiny --quiet --set run.steps=30 || exit 1
          "$0" status tiny
        """
        os.mkdir(self.path("runs"))
        namespace = ["unshare", "--mount"] if os.geteuid() == 0 else \
            ["unshare", "--user", "--map-root-user", "--mount"]
        try:
            probe = subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "runs"],
                                   cwd=self.folder, capture_output=True, check=False)
        except FileNotFoundError:
            probe = None
        if probe is None or probe.returncode != 0:
            print("SKIPPED: a small file system may not be mounted here", file=sys.stderr)
            return
        ran = subprocess.run([*namespace, "sh", "-c", script, PROGRAM], cwd=self.folder,
                             capture_output=True, timeout=PATIENCE, check=False)
        done = Finished(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        self.assertEqual(done.status, DONE, str(done))
        self.assertIn("status 1\n", done.out)
        errors = [line for line in done.err.splitlines() if line.startswith("error")]
        self.assertEqual(len(errors), 1, str(done))
        self.assertIn("No space left on device", errors[0])
        self.assertEqual(done.out.count("every one is accounted for"), 4, str(done))
        checkpoints = re.findall(r"checkpoints +step (.*)", done.out)
        self.assertEqual(len(checkpoints), 2, str(done))
        self.assertIn("(30 of 30 steps)", done.out)


if __name__ == "__main__":
    main()
