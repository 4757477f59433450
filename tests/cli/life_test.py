#!/usr/bin/env python3
"""The life of a run, as a person sees it: to the end, stopped, killed, gone on with. Runs the real
program; CMakeLists.txt says with which environment."""
import hashlib
import json
import os
import signal
import sys
import time

from tiny_run import (DONE, FAILED, GRAPH, INTERRUPTED, USAGE, TinyRunTest, dice, lines_of,
                      main, sets, steps_in)


class Life(TinyRunTest):
    def test_a_run_to_the_end_leaves_everything_a_person_needs(self):
        done = self.troupe("run", "tiny.toml", status=DONE)
        for part in ("Finished after", "(4 of 4 steps)", "eval: accuracy", "at step 0 ->",
                     "at step 4", "samples      32 admitted = 32 trained + 0 in flight",
                     "every one is accounted for", "run directory: runs/tiny-001",
                     "troupe eval runs/tiny-001"):
            self.assertIn(part, done.out, str(done))
        self.check_books(4)
        run = self.path("runs", "tiny-001")
        evaluated = [line["step"] for line in lines_of(os.path.join(run, "metrics.jsonl"))
                     if "eval/accuracy" in line]
        self.assertEqual(evaluated, [0, 4])
        events = os.listdir(os.path.join(run, "events"))
        self.assertEqual(len(events), 1)
        self.assertGreater(os.path.getsize(os.path.join(run, "events", events[0])), 1000)
        for step in (2, 4):
            checkpoint = os.path.join(run, "checkpoints", f"step-{step:06}")
            for name in ("manifest.json", "model/config.json", "model/model.safetensors",
                         "model/tokenizer.json", "optimizer/state.safetensors"):
                self.assertTrue(os.path.exists(os.path.join(checkpoint, name)), name)
        status = self.status_of()
        self.assertEqual((status["state"], status["alive"]), ("finished", False))
        self.assertEqual(status["checkpoints"], [2, 4])
        shown = self.troupe("status", "runs/tiny-001", status=DONE).out
        self.assertIn("every one is accounted for", shown)

    def test_a_run_is_compared_with_a_graph_as_it_was_started(self):
        self.troupe("run", "tiny.toml", "--quiet", "--set", "run.steps=2", status=DONE)
        same = self.troupe("plan", "--diff", "tiny", "runs/tiny-001", status=DONE).out
        self.assertIn("no difference", same)
        # The --set of the run counts, and the file may have changed since.
        changed = self.troupe("plan", "--diff", "tiny-001", "tiny.toml", "--json", "--set",
                              "stage.generate.temperature=0.5", status=DONE)
        found = {(d["section"], d.get("item"), d.get("field")): d
                 for d in json.loads(changed.out)["differences"]}
        self.assertEqual(found["run", None, "steps"]["before"], "2")
        self.assertIn("--set", found["run", None, "steps"]["before_from"])
        self.assertEqual(found["stage", "generate", "temperature"]["after"], "0.5")
        self.assertEqual(len(found), 2, found)

    def test_eval_measures_the_newest_checkpoint_as_the_run_did(self):
        self.troupe("run", "tiny.toml", "--quiet", "--set", "stage.eval.limit=6", status=DONE)
        os.remove(self.path("tiny.toml"))  # the run has its own copy
        done = self.troupe("eval", "tiny", "--json", status=DONE)
        measured = json.loads(done.out)["eval"]
        last = [line for line in lines_of(self.path("runs", "tiny-001", "metrics.jsonl"))
                if "eval/accuracy" in line][-1]
        self.assertEqual(measured["eval/questions"], 6)
        for name in ("eval/accuracy", "eval/length_mean"):
            self.assertEqual(measured[name], last[name])

    def test_ctrl_c_once_finishes_what_is_in_hand_and_resume_goes_on(self):
        run = self.start_run("run.steps=100000", "run.checkpoint_every=0", quiet=False)
        self.wait_for_step(run, 3)
        run.signal(signal.SIGINT)
        stopped = run.wait()
        self.assertEqual(stopped.status, INTERRUPTED, str(stopped))
        self.assertIn("troupe resume runs/tiny-001", stopped.out)
        status = self.status_of()
        self.assertEqual(status["state"], "stopped")
        at = status["step"]
        self.assertEqual(status["checkpoints"], [at])
        self.check_books(at)

        goal = at + 3
        done = self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        self.assertIn(f"the checkpoint of step {at}", done.err)
        self.assertIn("at step 0 ->", done.out, "the summary forgot the life before")
        self.check_books(goal)
        self.assertEqual(self.status_of()["state"], "finished")

    def test_ctrl_c_twice_ends_at_once_and_can_be_resumed(self):
        run = self.start_run("run.steps=100000", "stage.learn.prompts_per_step=64",
                             "stage.generate.max_new_tokens=200")
        while run.alive() and not self.path_exists("runs/tiny-001/metrics.jsonl"):
            time.sleep(0.01)
        run.signal(signal.SIGINT)
        time.sleep(0.3)
        run.signal(signal.SIGINT)
        stopped = run.wait()
        self.assertEqual(stopped.status, INTERRUPTED, str(stopped))
        status = self.status_of()
        self.assertEqual(status["state"], "stopped")
        self.assertTrue(status["holds"])
        self.assertEqual(status["samples"]["in_flight"], 0)
        goal = status["step"] + 2
        self.troupe("resume", "tiny", "--quiet",
                    *sets([f"run.steps={goal}", "stage.generate.max_new_tokens=4"]), status=DONE)
        self.assertEqual(steps_in(self.path("runs/tiny-001/metrics.jsonl")),
                         list(range(1, goal + 1)))
        self.assertTrue(self.status_of()["holds"])

    def test_stopped_at_any_moment_it_goes_on_and_counts_every_step_once(self):
        random = dice()
        run = self.start_run("run.steps=15", "run.checkpoint_every=4")
        while not self.path_exists("runs/tiny-001/invocation.json"):
            self.assertTrue(run.alive(), str(run.said()))
            time.sleep(0.002)
        for _ in range(8):
            time.sleep(random.random() * 0.4)
            run.signal(signal.SIGINT)
            if random.randrange(3) == 0:
                time.sleep(random.random() * 0.15)
                run.signal(signal.SIGINT)
            done = run.wait()
            if done.status == DONE:
                break
            # The very first moments of a process have the system's own handling.
            self.assertIn(done.status, (INTERRUPTED, -signal.SIGINT), str(done))
            status = self.status_of()
            self.assertTrue(status["holds"], status)
            if done.status == INTERRUPTED:
                self.assertEqual(status["state"], "stopped")
                self.assertEqual(status["samples"]["in_flight"], 0)
            run = self.start("resume", "tiny", "--quiet")
        done = run.wait()
        self.assertEqual(done.status, DONE, str(done))
        self.check_books(15)

    def test_stop_from_another_process(self):
        run = self.start_run("run.steps=100000")
        self.wait_for_step(run, 2)
        asked = self.troupe("stop", "tiny", status=DONE)
        self.assertIn("finish what is in flight", asked.out)
        self.assertEqual(run.wait().status, INTERRUPTED)
        at = self.status_of()["step"]
        self.assertEqual(self.status_of()["checkpoints"][-1], at)
        self.check_books(at)
        self.check_one_error(self.troupe("stop", "tiny"), FAILED, "nothing runs in")

        # An old request does not stop the next life, and --now leaves nothing in flight either.
        run = self.start("resume", "tiny", "--quiet")
        self.wait_for_step(run, at + 1)
        self.troupe("stop", "tiny", "--now", status=DONE)
        self.assertEqual(run.wait().status, INTERRUPTED)
        status = self.status_of()
        self.assertTrue(status["holds"])
        self.assertEqual(status["samples"]["in_flight"], 0)
        goal = status["step"] + 1
        self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        self.assertEqual(self.status_of()["samples"]["trained"], goal * 8)

    def test_killed_at_any_moment_it_goes_on_and_counts_every_step_once(self):
        self.kill_often()

    def test_killed_with_samples_of_several_versions_under_way(self):
        self.write("tiny.toml", GRAPH.replace("max_staleness = 0", "max_staleness = 2"))
        self.kill_often()

    def kill_often(self):
        # Far more steps than eight kills can pass on a fast machine, so that the last one still
        # finds a run to kill.
        steps, kills, random = 150, 0, dice()
        run = self.start_run(f"run.steps={steps}", "run.checkpoint_every=3",
                             "run.keep_checkpoints=1", "stage.eval.every=5")
        for _ in range(8):
            reached = steps_in(self.path("runs/tiny-001/metrics.jsonl"))[-1:]
            ahead = (reached[0] if reached else 0) + random.randrange(5)
            patience = time.monotonic() + 20
            while run.alive() and time.monotonic() < patience:
                now = steps_in(self.path("runs/tiny-001/metrics.jsonl"))[-1:]
                if now >= [ahead] and self.path_exists("runs/tiny-001/ledger.sqlite"):
                    break
                time.sleep(0.002)
            time.sleep(random.random() * 0.06)
            if not run.alive():
                break
            run.process.kill()
            run.wait()
            kills += 1
            status = self.status_of()
            self.assertTrue(status["holds"], status)
            self.assertEqual(status["state"], "died")
            run = self.start("resume", "tiny", "--quiet")
        done = run.wait()
        self.assertEqual(done.status, DONE, str(done))
        self.assertGreaterEqual(kills, 3)
        print(f"killed {kills} times", file=sys.stderr)
        self.check_books(steps)
        evaluated = [line["step"] for line in lines_of(self.path("runs/tiny-001/metrics.jsonl"))
                     if "eval/accuracy" in line]
        self.assertEqual(sorted(set(evaluated)), evaluated, "an evaluation stands there twice")
        self.assertEqual((evaluated[0], evaluated[-1]), (0, steps))

    def test_killed_after_its_last_step_it_still_is_evaluated(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        # As a kill between the last checkpoint and the evaluation would leave it.
        info = self.path("runs/tiny-001/run.json")
        with open(info, encoding="utf-8") as file:
            said = json.load(file)
        said["state"] = "running"
        del said["crc32c"]  # of the other state; it may be absent
        self.write("runs/tiny-001/run.json", json.dumps(said))
        metrics = self.path("runs/tiny-001/metrics.jsonl")
        with open(metrics, encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        self.write("runs/tiny-001/metrics.jsonl", "".join(lines[:-1]))
        self.assertEqual(self.status_of()["state"], "died")
        done = self.troupe("resume", "tiny", "--quiet", status=DONE)
        self.assertIn("at step 0 ->", done.out, str(done))
        self.check_books(4)

    def test_a_second_process_is_refused_and_the_first_is_unharmed(self):
        run = self.start_run("run.steps=100000", "run.checkpoint_every=1",
                             "run.keep_checkpoints=1000")
        self.wait_for_step(run, 1)
        for _ in range(8):
            refused = self.troupe("resume", "runs/tiny-001")
            self.check_one_error(refused, FAILED, "another run", f"pid {run.process.pid}",
                                 "troupe stop runs/tiny-001")
        self.assertTrue(self.status_of()["alive"])
        self.troupe("eval", "tiny", status=DONE)
        self.assertTrue(run.alive(), str(run.said()))
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait().status, INTERRUPTED)
        self.check_books(self.status_of()["step"])

    def test_a_run_is_found_by_name_from_anywhere_and_sets_last(self):
        os.rename(self.path("model"), self.path("elsewhere"))
        done = self.troupe("run", "tiny.toml", "--quiet", "--set", "model.policy.load=elsewhere",
                           status=DONE)
        self.assertIn("runs/tiny-001", done.out)
        self.troupe("run", "tiny.toml", "--quiet",
                    *sets(["model.policy.load=elsewhere", "run.steps=1"]), status=DONE)
        self.assertEqual(self.status_of("tiny")["step"], 1)  # the newest of the name
        self.assertEqual(self.status_of("tiny-001")["step"], 4)
        os.mkdir(self.path("below"))
        run = self.start("resume", "../runs/tiny-001", "--quiet", "--set", "run.steps=100000",
                         folder=self.path("below"))
        self.wait_for_step(run, 6)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait().status, INTERRUPTED)
        # What the resume before set is still set: there are steps to do.
        run = self.start("resume", "../runs/tiny-001", "--quiet", folder=self.path("below"))
        self.wait_for_step(run, self.status_of("tiny-001")["step"] + 1)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait().status, INTERRUPTED)

    def test_resume_says_when_there_is_nothing_to_do(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        before = self.status_of()
        self.check_one_error(self.troupe("resume", "tiny"), USAGE, "is finished", "run.steps=N")
        for steps in (2, 4):
            refused = self.troupe("resume", "tiny", "--set", f"run.steps={steps}")
            self.check_one_error(refused, USAGE, "is at step 4 already", "--set run.steps=8")
        after = self.status_of()
        self.assertEqual((before["state"], before["checkpoints"], before["samples"]),
                         (after["state"], after["checkpoints"], after["samples"]))

    def test_a_run_without_a_checkpoint_begins_again_from_the_beginning(self):
        run = self.start_run("run.steps=100000", "run.checkpoint_every=0")
        self.wait_for_step(run, 3)
        run.process.kill()
        run.wait()
        done = self.troupe("resume", "tiny", "--quiet", "--set", "run.steps=4", status=DONE)
        self.assertIn("there is no checkpoint yet", done.err)
        self.check_books(4)

    def test_a_lost_ledger_is_made_again_from_the_checkpoint(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
            if self.path_exists("runs/tiny-001/" + name):
                os.remove(self.path("runs/tiny-001", name))
        self.troupe("resume", "tiny", "--quiet", "--set", "run.steps=6", status=DONE)
        status = self.status_of()
        self.assertTrue(status["holds"])
        self.assertEqual(status["samples"]["trained"], 48)

    def test_a_damaged_checkpoint_is_passed_over_and_named(self):
        self.troupe("run", "tiny.toml", "--quiet", status=DONE)
        with open(self.path("runs/tiny-001/checkpoints/step-000004/model/model.safetensors"),
                  "r+b") as file:
            file.seek(20000)
            file.write(b"damage")
        done = self.troupe("resume", "tiny", "--quiet", "--set", "run.steps=5", status=DONE)
        self.assertIn("step-000004 is damaged", done.err)
        self.assertIn("the checkpoint of step 2", done.err)
        self.check_books(5)

    def test_a_stage_that_never_returns_ends_the_run_with_its_name(self):
        os.mkfifo(self.path("pipe"))
        # Somebody who opens the pipe and never reads: the sink blocks in its write.
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.write("tiny.toml", GRAPH.replace(
            "[graph]\nflow = [",
            '[stage.log]\nkind = "sink.jsonl"\npath = "pipe"\n[graph]\nflow = [\n'
            '  "reward -> log",').replace("steps = 4", 'steps = 100000\nstall_timeout = "3s"'))
        failed = self.troupe("run", "tiny.toml", "--quiet")
        self.check_one_error(failed, FAILED, "no step has finished for",
                             "Stage 'log' holds it up: it does not answer",
                             "edge 'reward -> log'", "run.stall_timeout")
        status = self.status_of()
        self.assertEqual(status["state"], "failed")
        self.assertTrue(status["holds"])
        self.assertEqual(status["samples"]["in_flight"], 0)
        self.assertIn("'log'", status["reason"])
        goal = status["step"] + 2
        self.troupe("resume", "tiny", "--quiet",
                    *sets([f"run.steps={goal}", "stage.log.path=log.jsonl"]), status=DONE)
        self.assertTrue(self.status_of()["holds"])

    def test_the_same_seed_without_staleness_gives_the_same_weights(self):
        sums = []
        for _ in range(2):
            self.troupe("run", "tiny.toml", "--quiet", status=DONE)
            run = sorted(os.listdir(self.path("runs")))[-1]
            with open(self.path("runs", run, "checkpoints/step-000004/model/model.safetensors"),
                      "rb") as file:
                sums.append(hashlib.sha256(file.read()).hexdigest())
        print("two runs of one seed:", "identical" if sums[0] == sums[1] else "DIFFERENT",
              "checkpoints", file=sys.stderr)
        self.assertEqual(sums[0], sums[1])


if __name__ == "__main__":
    main()
