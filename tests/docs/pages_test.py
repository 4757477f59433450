"""Reads every Markdown page: links must lead to files that exist, `./dev X` must be a command, and
shell examples may only name graph files that are in the tree. Usage: pages_test.py ROOT [PROGRAM]"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.getcwd()
SKIP = {".git", ".deps", "models", "runs", "data"}
# The program, when it is built; its commands are then what it says itself.
PROGRAM = sys.argv[2] if len(sys.argv) > 2 else ""
COMMANDS = {"check", "plan", "draw", "kinds", "explain", "reference", "schema", "run", "resume",
            "status", "samples", "eval", "stop", "test"}
sys.argv = sys.argv[:1]


def pages():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in SKIP and not f.startswith("build")]
        for name in files:
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, ROOT), file.read()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        count = 0
        for page, text in pages():
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if re.match(r"[a-z]+:", target):
                    continue
                count += 1
                path = os.path.join(ROOT, os.path.dirname(page), target)
                self.assertTrue(os.path.exists(path), f"{page}: no {target}")
        self.assertGreater(count, 5)

    def test_commands_of_dev_exist(self):
        shown = subprocess.run([os.path.join(ROOT, "dev"), "help"], text=True, check=True,
                               stdout=subprocess.PIPE).stdout
        known = set(re.findall(r"^  ([a-z]+)\b", shown, re.M))
        self.assertIn("quickstart", known)
        for page, text in pages():
            for command in re.findall(r"\./dev ([a-z]+)", text):
                self.assertIn(command, known, page)

    def test_commands_of_troupe_exist(self):
        for page, text in pages():
            for command in re.findall(r"build/troupe ([a-z]+)", text):
                self.assertIn(command, COMMANDS, page)

    def test_the_program_has_these_commands(self):
        if not PROGRAM:
            self.skipTest("no program was named")
        for command in sorted(COMMANDS):
            shown = subprocess.run([PROGRAM, command, "--help"], text=True, capture_output=True,
                                   check=False)
            self.assertEqual(shown.returncode, 0, f"troupe {command}: {shown.stderr}")

    def test_graph_files_in_shell_examples_exist(self):
        for page, text in pages():
            for block in blocks(text, "sh"):
                for path in re.findall(r"\bexamples/\S+\.toml\b", block):
                    if os.path.isdir(os.path.join(ROOT, "examples")):
                        self.assertTrue(os.path.exists(os.path.join(ROOT, path)), f"{page}: {path}")

    def test_outputs_shown_are_what_the_program_prints(self):
        if not PROGRAM:
            self.skipTest("no program was named")
        count = 0
        for page, text in pages():
            for command, shown in re.findall(
                    r"^<!-- output of: troupe ([^\n]+) -->\n```\n(.*?)^```$", text, re.M | re.S):
                count += 1
                arguments = shlex.split(command)
                if arguments[0] == "check":
                    # The small model may not be there, and no page is about its absence.
                    arguments += ["--set", f"model.policy.load={os.path.join(ROOT, 'README.md')}"]
                ran = subprocess.run([PROGRAM, *arguments], text=True, cwd=ROOT, check=False,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
                if os.environ.get("TROUPE_UPDATE_PAGES") and ran.stdout != shown:
                    head = f"<!-- output of: troupe {command} -->\n```\n"
                    text = text.replace(head + shown, head + ran.stdout)
                    with open(os.path.join(ROOT, page), "w", encoding="utf-8") as file:
                        file.write(text)
                    continue
                self.assertEqual(ran.stdout, shown, f"{page}: troupe {command}; to paste it anew: "
                                 f"TROUPE_UPDATE_PAGES=1 python3 {__file__} {ROOT} {PROGRAM}")
        self.assertGreater(count, 1)

    def test_the_reference_is_what_the_program_says_of_itself(self):
        if not PROGRAM:
            self.skipTest("no program was named")
        path = os.path.join(ROOT, "docs", "reference.md")
        ran = subprocess.run([PROGRAM, "reference", "--examples", "tests/golden/graphs"], text=True,
                             cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        if os.environ.get("TROUPE_UPDATE_PAGES"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(ran)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), ran, "docs/reference.md is not current; to write it anew:"
                             f" TROUPE_UPDATE_PAGES=1 python3 {__file__} {ROOT} {PROGRAM}")
        # Every code has a message that a person would see (the tests of graphs see to most).
        self.assertGreater(ran.count("\nFor example:\n"), 40)

    def test_graphs_for_people_from_elsewhere_have_the_plans_that_the_page_says(self):
        if not PROGRAM:
            self.skipTest("no program was named")
        with open(os.path.join(ROOT, "docs", "coming_from_trl_and_verl.md"),
                  encoding="utf-8") as file:
            text = file.read()
        graphs = [block for block in blocks(text, "toml") if block.startswith("format = 1")]
        found = []
        for graph in graphs:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "graph.toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(graph)
                ran = subprocess.run([PROGRAM, "plan", "--json", path], text=True, check=False,
                                     capture_output=True)
                self.assertEqual((ran.returncode, ran.stderr), (0, ""), graph)
                plan = json.loads(ran.stdout)
            gate = plan["gate"]
            found.append((gate["group_size"], gate["prompts_per_step"], gate["max_staleness"],
                          gate["groups_in_flight_max"]))
        # 16 * 2 * 4 / 8; 1024 / 256; 4 - 1 + ceil(0.5 * 4), 32 * (5 + 1)
        self.assertEqual(found, [(8, 16, 0, 16), (5, 256, 3, 1024), (8, 32, 5, 192)])

    def test_every_page_of_docs_can_be_reached_from_the_index(self):
        with open(os.path.join(ROOT, "docs", "index.md"), encoding="utf-8") as file:
            index = file.read()
        for name in sorted(os.listdir(os.path.join(ROOT, "docs"))):
            if name.endswith(".md") and name != "index.md":
                self.assertIn(f"({name})", index, f"docs/index.md does not name {name}")


if __name__ == "__main__":
    unittest.main()
