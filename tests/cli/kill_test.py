#!/usr/bin/env python3
"""kill -9 at random moments, again and again: while it trains, while a checkpoint is written, while
a run is resumed, while the disk is full. After each death the ledger is read as it lies there, and
held against what it says later: nothing that had ended may be gone, nothing may count twice."""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
import zlib

from tiny_run import DONE, FAILED, GRAPH, TinyRunTest, dice, main, steps_in

KILLS = int(os.environ.get("TROUPE_KILLS", "100"))
IN_FLIGHT, TRAINED, LEFT_OVER = 255, 0, 5  # ends as they are stored
SAMPLE = struct.Struct("<HHBII")           # sibling, attempt, end, reason, step
PACKED = struct.Struct("<QIIQQIIHI")       # number, id, position, version, group size, bytes


class Records:
    """What ledger.sqlite says, read from a copy, so that the next life finds the file untouched."""

    def __init__(self, run, scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch)
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            if os.path.exists(os.path.join(run, name)):
                shutil.copy(os.path.join(run, name), scratch)
        database = sqlite3.connect(os.path.join(scratch, "ledger.sqlite"))
        self.prompts = {}
        for dataset, epoch, row, blob in database.execute(
                "SELECT dataset, epoch, row, samples FROM prompt"):
            if (dataset, epoch, row) in self.prompts:
                raise AssertionError(f"two records of prompt {(dataset, epoch, row)}")
            self.prompts[dataset, epoch, row] = list(SAMPLE.iter_unpack(blob))
        for blob, in database.execute("SELECT prompts FROM block"):  # long ended, and compressed
            rest = zlib.decompress(blob[4:])
            while rest:
                _, dataset, epoch, row, *_, size = PACKED.unpack_from(rest)
                if (dataset, epoch, row) in self.prompts:
                    raise AssertionError(f"two records of prompt {(dataset, epoch, row)}")
                samples = rest[PACKED.size:PACKED.size + size]
                self.prompts[dataset, epoch, row] = list(SAMPLE.iter_unpack(samples))
                rest = rest[PACKED.size + size:]
        self.uses = {}
        for step, number, blob in database.execute("SELECT step, pass, prompts FROM batch"):
            for prompt in struct.iter_unpack("<IIQ", blob):
                if (prompt, number) in self.uses:
                    raise AssertionError(f"{prompt} was used twice in pass {number}")
                self.uses[prompt, number] = step
        database.close()

    def finished(self, step):
        """Prompts that a life which goes on from the checkpoint of `step` may not touch."""
        return {prompt: samples for prompt, samples in self.prompts.items()
                if all(end not in (IN_FLIGHT, LEFT_OVER) and (end != TRAINED or trained <= step)
                       for _, _, end, _, trained in samples)}


def fill(disk, path, leave):
    """Fills a disk that somebody else may be writing to."""
    room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.write(file, bytes(max(0, room - leave)))
    except OSError:
        pass  # it is full
    os.close(file)


class Kill(TinyRunTest):
    RUN = "runs/tiny-001"

    def incarnation(self):
        try:
            with open(self.path(self.RUN, "run.json"), encoding="utf-8") as file:
                return json.load(file)["incarnation"]
        except (OSError, ValueError, KeyError):
            return -1

    def wait_until(self, process, condition, patience=60):
        end = time.monotonic() + patience
        while process.alive() and time.monotonic() < end and not condition():
            time.sleep(0.001)

    def kill(self, process):
        """Whether it was still there to be killed."""
        alive = process.alive()
        process.process.kill()
        process.wait()
        return alive

    def reached(self):
        return max(steps_in(self.path(self.RUN, "metrics.jsonl")), default=0)

    def check_after_death(self, before):
        """The records as the dead process left them, and that nothing of `before` is gone."""
        if not self.path_exists(os.path.join(self.RUN, "ledger.sqlite")):
            self.assertIsNone(before, "the ledger is gone")
            return None
        status = self.status_of(self.RUN)
        self.assertTrue(status["holds"], status)
        self.assertEqual([p for p in status["problems"] if "no ledger" not in p], [])
        now = Records(self.path(self.RUN), self.path("scratch"))
        step = max(status["checkpoints"], default=0)
        if before is not None:
            for prompt, samples in before.finished(self.resumed_from).items():
                self.assertEqual(now.prompts.get(prompt), samples, f"prompt {prompt} was lost")
            for use, at in before.uses.items():
                if at <= self.resumed_from:
                    self.assertEqual(now.uses.get(use), at, f"the use {use} was lost")
        self.assertGreaterEqual(step, self.resumed_from, "a checkpoint was lost")
        self.resumed_from = step
        return now

    def finish(self, more=3):
        goal = max(self.reached(), self.resumed_from) + more
        done = self.troupe("resume", "tiny", "--quiet", "--set", f"run.steps={goal}", status=DONE)
        self.assertNotIn("damaged", done.err)
        self.check_books(goal)
        self.troupe("eval", "tiny", status=DONE)
        return goal

    def kill_many(self, kills, delay, settings, condition=None):
        """Kills so many lives, each `delay()` seconds after it has begun to change something."""
        self.resumed_from, records, killed, life = 0, None, 0, 0
        run = self.start_run("run.steps=1000000", *settings)
        while killed < kills:
            self.wait_until(run, lambda at=life: self.incarnation() >= at)
            if condition:  # not what the life before left lying
                ahead = self.reached() + 1
                self.wait_until(run, lambda at=ahead: self.reached() >= at)
                self.wait_until(run, condition)
            time.sleep(delay())
            self.assertTrue(self.kill(run), str(run.said()))
            killed += 1
            records = self.check_after_death(records)
            if self.path_exists(os.path.join(self.RUN, "invocation.json")):
                life = self.incarnation() + 1
                run = self.start("resume", "tiny", "--quiet")
            else:  # it died as it began: there is nothing to resume, as it says
                self.assertIsNone(records)
                self.assertEqual(self.troupe("resume", "tiny").status in (FAILED, 2), True)
                shutil.rmtree(self.path("runs"), ignore_errors=True)
                life = 0
                run = self.start_run("run.steps=1000000", *settings)
        self.assertTrue(self.kill(run), str(run.said()))
        self.check_after_death(records)
        print(f"killed {killed + 1} times, at step {self.reached()}", file=sys.stderr)

    def test_killed_a_hundred_times_it_loses_nothing_and_trains_nothing_twice(self):
        random = dice()
        self.write("tiny.toml", GRAPH.replace("max_staleness = 0", "max_staleness = 1"))
        self.kill_many(KILLS, lambda: random.uniform(0.05, 0.6),
                       ["run.checkpoint_every=5", "stage.eval.every=50"])
        self.finish()

    def test_killed_as_a_checkpoint_is_written_it_has_a_whole_one(self):
        random = dice()

        def writing():
            try:
                return any(name.startswith(".step-")
                           for name in os.listdir(self.path(self.RUN, "checkpoints")))
            except OSError:
                return False
        self.kill_many(15, lambda: random.uniform(0, 0.01), ["run.checkpoint_every=1"], writing)
        self.finish()

    def test_killed_while_it_is_resumed_it_can_be_resumed_again(self):
        random = dice()
        run = self.start_run("run.steps=1000000", "run.checkpoint_every=2")
        self.wait_for_step(run, 5)
        self.kill(run)
        self.resumed_from = 0
        records = self.check_after_death(None)
        for _ in range(20):
            life = self.incarnation() + 1
            run = self.start("resume", "tiny", "--quiet")
            if random.randrange(2):
                self.wait_until(run, lambda at=life: self.incarnation() >= at)
            time.sleep(random.uniform(0, 0.06))
            self.kill(run)
            records = self.check_after_death(records)
        self.finish()

    def test_killed_on_a_full_disk_it_goes_on_when_there_is_room(self):
        """A small disk of our own, in a namespace of our own; everything happens in there."""
        inside = os.environ.get("TROUPE_SMALL_DISK")
        if not inside:
            disk = self.path("disk")
            os.mkdir(disk)
            command = ["unshare", "-rm", "sh", "-c",
                       'mount -t tmpfs -o size=6m none "$0" && exec "$@"', disk, sys.executable,
                       os.path.abspath(__file__), self.id().removeprefix("__main__.")]
            probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
            if probe.returncode != 0:
                print("SKIPPED: no user namespaces here, so no small disk; allow `unshare -rm`")
                return
            ran = subprocess.run(command, env={**os.environ, "TROUPE_SMALL_DISK": disk},
                                 capture_output=True, text=True, check=False, timeout=280)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
            sys.stderr.write(ran.stderr)
            return
        os.symlink(inside, self.path("runs"))
        random = dice()
        filler = os.path.join(inside, "filler")
        run = self.start_run("run.steps=1000000", "run.checkpoint_every=3")
        self.wait_for_step(run, 4)
        self.resumed_from, records, refusals = 0, None, 0
        for _ in range(8):
            fill(inside, filler, leave=random.choice([0, 0, 20_000, 200_000]))
            time.sleep(random.choice([0, random.uniform(0, 0.02), random.uniform(0.05, 1.0)]))
            if not self.kill(run):
                refusals += 1
                said = run.said()
                self.check_one_error(said, FAILED, self.RUN, "Free some space")
                self.assertRegex(said.err, "No space left on device|disk is full")
            records = self.check_after_death(records)
            os.remove(filler)
            life = self.incarnation() + 1
            run = self.start("resume", "tiny", "--quiet")
            self.wait_until(run, lambda at=life: self.incarnation() >= at)
            self.wait_for_step(run, self.reached() + 1)
        self.kill(run)
        self.check_after_death(records)
        print(f"the full disk ended {refusals} of 8 lives before the kill", file=sys.stderr)
        self.finish()


if __name__ == "__main__":
    main()
