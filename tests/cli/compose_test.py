"""Graphs of several files as processes: what is composed runs, a run keeps all it needs to go on
without the files it came from, and every command takes the same overlays."""
import json
import os

from tiny_run import CONFIGURATION, DONE, FAILED, USAGE, TinyRunTest, main


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

    def test_tests_of_a_graph_are_run_without_its_model(self):
        self.write("tests.toml", """
[[test]]
name = "right"
send = { to = "check_math", text = "12", answer = "12" }
expect = { reward = 1.1 }
[[test]]
name = "wrong on purpose"
send = { to = "check_math", text = ["12", "13"], answer = "12" }
expect = { check_math = [1, 1] }
""")
        gone = ("--set", "model.policy.load=/no/such/model.gguf")
        overlay = ("tiny.toml", "--with", "tests.toml", *gone)
        done = self.troupe("test", *overlay, status=FAILED)
        self.assertIn("ok    right\n", done.out)
        self.assertIn("FAIL  wrong on purpose  (tests.toml:7)\n", done.out)
        self.assertIn("sample 2: check_math: expected 1, came 0", done.out)
        self.assertIn("1 passed, 1 failed", done.out)
        done = self.troupe("test", *overlay, "--only", "right", status=DONE)
        self.assertIn("1 passed, 0 failed", done.out)
        shown = json.loads(self.troupe("test", *overlay, "--json", status=FAILED).out)
        self.assertEqual((shown["passed"], shown["failed"]), (1, 1))
        self.assertEqual(shown["tests"][1]["samples"][1]["verdicts"]["check_math"]["score"], 0)
        self.check_one_error(self.troupe("test", *overlay, "--only", "rihgt"), USAGE, "rihgt")
        self.check_one_error(self.troupe("test", "tiny.toml"), CONFIGURATION, "no [[test]] tables")

    def test_a_recipe_is_checked_and_says_how_to_run_its_phases(self):
        self.write("curate.toml", """extends = "base/base.toml"
remove = ["stage.learn", "stage.eval", "stage.held_out", 'edge."reward -> learn"']
[stage.questions]
epochs = 1
[stage.kept]
kind = "sink.jsonl"
path = "kept.jsonl"
[graph]
flow = ["questions -> generate -> (check_math & check_finished) -> reward -> kept"]
""")
        self.write("recipe.toml", """format = 1
[recipe]
name = "two"
[[phase]]
name = "rl"
graph = "tiny.toml"
set = { "run.seed" = 4 }
[[phase]]
name = "curate"
graph = "curate.toml"
set = { "model.policy.load" = "@rl/checkpoint" }
""")
        done = self.troupe("check", "recipe.toml", status=DONE)
        self.assertIn("A recipe of 2 phases", done.out)
        for command in (("plan",), ("draw",)):
            self.assertIn("@rl/checkpoint", self.troupe(*command, "recipe.toml", status=DONE).out)
        plan = json.loads(self.troupe("plan", "recipe.toml", "--json", status=DONE).out)
        self.assertEqual([phase["name"] for phase in plan["phases"]], ["rl", "curate"])
        done = self.troupe("test", "recipe.toml")
        self.check_one_error(done, CONFIGURATION, "no [[test]] tables")
        self.write("tiny.toml", 'extends = "base/base.toml"\n[run]\nsteps = 2\n[[test]]\n'
                   'name = "right"\nsend = { to = "check_math", text = "12", answer = "12" }\n'
                   'expect = { reward = 1.1 }\n')
        done = self.troupe("test", "recipe.toml", status=DONE)
        self.assertEqual(done.out, "phase rl\nok    right\n\n1 passed, 0 failed\n")
        done = self.troupe("run", "recipe.toml")
        self.check_one_error(done, CONFIGURATION, "troupe run tiny.toml --set run.seed=4",
                             "--set model.policy.load=rl_RUN/checkpoints/STEP/model")
        self.assertFalse(self.path_exists("runs"))
        # What it says is what works.
        self.troupe("run", "tiny.toml", "--set", "run.seed=4", "--quiet", status=DONE)
        model = "runs/tiny-001/checkpoints/" + sorted(
            os.listdir(self.path("runs", "tiny-001", "checkpoints")))[-1] + "/model"
        done = self.troupe("check", "curate.toml", "--set", f"model.policy.load={model}")
        self.assertEqual(done.status, DONE, str(done))
        done = self.troupe("check", "recipe.toml", "--set", "run.seed=5")
        self.check_one_error(done, USAGE, "a recipe takes no --with and no --set")


if __name__ == "__main__":
    main()
