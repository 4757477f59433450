"""Graphs of several files as processes: what is composed runs, a run keeps all it needs to go on
without the files it came from, and every command takes the same overlays."""
import json
import os

from tiny_run import CONFIGURATION, DONE, TinyRunTest, main


class Composition(TinyRunTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("base"))
        os.rename(self.path("tiny.toml"), self.path("base", "base.toml"))
        os.rename(self.path("model"), self.path("base", "model"))
        self.write("tiny.toml", 'extends = "base/base.toml"\n[run]\nsteps = 2\n')
        self.write("warm.toml", "[stage.generate]\ntemperature = 0.7\n")

    def test_a_run_of_several_files_goes_on_without_them(self):
        self.troupe("run", "tiny.toml", "--with", "warm.toml", "--quiet", status=DONE)
        self.check_books(2)
        run = self.path("runs", "tiny-001")
        with open(os.path.join(run, "invocation.json"), encoding="utf-8") as file:
            copies = [entry["copy"] for entry in json.load(file)["files"]]
        self.assertEqual(copies, ["sources/1-base.toml", "sources/2-warm.toml"])
        for name in ("tiny.toml", "warm.toml", "base/base.toml"):
            os.remove(self.path(name))
        done = self.troupe("resume", "tiny", "--quiet", "--set", "run.steps=4", status=DONE)
        self.assertNotIn("no such file", done.err)
        self.check_books(4)

    def test_a_wrong_set_of_a_resume_is_shown_with_the_files_that_the_run_keeps(self):
        self.troupe("run", "tiny.toml", "--with", "warm.toml", "--quiet", status=DONE)
        os.remove(self.path("base", "base.toml"))
        done = self.troupe("resume", "tiny", "--set", 'edge."reward -> learn".capacity=1 samples')
        self.assertEqual(done.status, CONFIGURATION, str(done))
        self.assertIn("base/base.toml:", done.err)
        self.assertIn("cannot hold one group", done.err)

    def test_every_command_takes_the_same_overlays(self):
        for command in (("check",), ("plan",), ("draw",), ("plan", "--json")):
            self.troupe(*command, "tiny.toml", "--with", "warm.toml", status=DONE)
            done = self.troupe(*command, "tiny.toml", "--with", "missing.toml")
            self.assertEqual(done.status, CONFIGURATION, str(done))
            self.assertIn("E0150", done.out + done.err)
        done = self.troupe("plan", "tiny.toml", "--with", "warm.toml", "--set", "run.seed=3")
        for value, origin in (("temperature", "warm.toml:2"), ("steps", "tiny.toml:3"),
                              ("group_size", "base.toml:19"), ("seed", "--set run.seed=3")):
            line = next(line for line in done.out.splitlines() if line.startswith(f"  {value} "))
            self.assertTrue(line.endswith(origin), line)
        done = self.troupe("eval", "tiny.toml", "--with", "warm.toml", "--json", status=DONE)
        self.assertIn("eval/accuracy", done.out)


if __name__ == "__main__":
    main()
