#!/usr/bin/env python3
"""What `troupe plan` says of memory, held against what a run of the tiny model needs, and what a
graph may need; CMakeLists.txt says with which environment."""
import json
import os
import subprocess

from tiny_run import CONFIGURATION, DONE, PROGRAM, TinyRunTest, main


class MemoryTest(TinyRunTest):
    def planned(self, *arguments):
        done = self.troupe("plan", "tiny.toml", "--json", *arguments, status=DONE)
        return json.loads(done.out)["resources"]

    def test_a_run_peaks_within_its_plan_and_a_tenth(self):
        planned = self.planned()
        rows = planned["memory"]
        self.assertEqual(planned["memory_bytes_max"], sum(row["bytes"] for row in rows))
        # Nothing waits in these queues to speak of: without them the bound is sharper.
        bound = sum(row["bytes"] for row in rows if row["owner"] != "queues")
        with open(os.devnull, "wb") as nothing:
            process = subprocess.Popen([PROGRAM, "run", "tiny.toml", "--quiet"], cwd=self.folder,
                                       stdout=nothing, stderr=nothing)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, DONE)
        self.assertLessEqual(usage.ru_maxrss * 1024, 1.1 * bound, rows)

    def test_a_run_that_needs_more_than_it_may_does_not_begin(self):
        limit = ("--set", "run.memory=64MiB")
        for command in ("check", "run"):
            done = self.troupe(command, "tiny.toml", *limit)
            self.check_one_error(done, CONFIGURATION, "error[E0190]", "`memory` allows 64 MiB")
        self.assertFalse(self.path_exists("runs"), "a run directory was made")
        self.troupe("check", "tiny.toml", "--set", "run.memory=4GiB", status=DONE)

    def test_a_plan_names_what_it_does_not_know(self):
        os.rename(self.path("model"), self.path("elsewhere"))
        rows = self.planned()["memory"]
        unknown = [row for row in rows if row["bytes"] is None]
        self.assertEqual([row["owner"] for row in unknown], ["model policy"])
        self.assertIn("model", unknown[0]["from"])
        done = self.troupe("plan", "tiny.toml", status=DONE)
        self.assertIn("without what is unknown", done.out)

    def test_a_larger_micro_batch_and_another_version_are_planned_for(self):
        def of(rows, owner, what):
            return sum(row["bytes"] for row in rows
                       if row["owner"] == owner and what in row["what"])

        step = ("--set", "stage.learn.prompts_per_step=4096")  # more than a micro-batch
        small = self.planned(*step, "--set", "stage.learn.micro_batch_tokens=1024")["memory"]
        large = self.planned(*step, "--set", "stage.learn.micro_batch_tokens=2048")["memory"]
        for what in ("activations", "logits"):
            self.assertEqual(of(large, "stage learn", what), 2 * of(small, "stage learn", what))
        more = self.planned(*step, "--set", "stage.eval.every=1")["memory"]
        versions = of(large, "model policy", "weights, 4 versions")
        self.assertGreater(versions, 0)
        self.assertEqual(4 * of(more, "model policy", "weights, 5 versions"), 5 * versions)


if __name__ == "__main__":
    main()
