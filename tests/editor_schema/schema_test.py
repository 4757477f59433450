"""Holds `troupe schema` to what `troupe check` says: every right graph of the tree passes the schema,
and the wrong ones whose mistake one file alone shows do not. Needs python3-jsonschema (./dev setup
installs it) and Python 3.11. Usage: schema_test.py ROOT GRAPH_TOOL [PROGRAM]"""
import glob
import json
import os
import re
import subprocess
import sys
import unittest

try:
    import jsonschema
    import tomllib
except ImportError as missing:
    print(f"SKIPPED: no {missing.name} for this Python; ./dev setup installs python3-jsonschema, and "
          "tomllib comes with Python 3.11")
    sys.exit(0)

ROOT = os.path.abspath(sys.argv[1])
TOOL = sys.argv[2]
PROGRAM = sys.argv[3] if len(sys.argv) > 3 else ""
sys.argv = sys.argv[:1]
GOLDEN = os.path.join(ROOT, "tests", "golden", "graphs")

# Mistakes that show in one value: sections, options, types, units, choices, kinds, the format.
CODES = {"E0104", "E0105", "E0106", "E0107", "E0108", "E0109", "E0111", "E0201"}
# What a schema cannot see, with the reason.
LET_PASS = {
    "set_unknown_option.toml": "the mistake stands in a --set",
    "set_wrong_type.toml": "the mistake stands in a --set",
    "set_into_a_value.toml": "the mistake stands in a --set",
    "compose_other_kind.toml": "the mistake shows together with the file it extends",
    "compose_overlay_typing.toml": "the mistake stands in the overlay",
    "recipe_graphs.toml": "the mistakes stand in the graphs of its phases",
    "test_expects_the_impossible.toml": "what may be expected depends on the stage",
}


def schema_of(*command):
    text = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    schema = json.loads(text)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def read(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def complaints(validator, document):
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in validator.iter_errors(document)]


class EditorSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tests = schema_of(TOOL, "schema")  # the kinds that golden graphs use
        cls.program = schema_of(PROGRAM, "schema") if PROGRAM else None

    def test_right_graphs_pass(self):
        paths = sorted(glob.glob(os.path.join(GOLDEN, "good", "**", "*.toml"), recursive=True))
        self.assertGreater(len(paths), 4)
        for path in paths:
            self.assertEqual(complaints(self.tests, read(path)), [], path)

    def test_examples_and_graphs_of_the_pages_pass(self):
        if not self.program:
            self.skipTest("no program was named")
        paths = sorted(glob.glob(os.path.join(ROOT, "examples", "**", "*.toml"), recursive=True))
        self.assertGreater(len(paths), 1)
        for path in paths:
            self.assertEqual(complaints(self.program, read(path)), [], path)
        count = 0
        for page in glob.glob(os.path.join(ROOT, "docs", "*.md")):
            with open(page, encoding="utf-8") as file:
                text = file.read()
            for block in re.findall(r"^```toml\n(format = 1.*?)^```", text, re.M | re.S):
                count += 1
                self.assertEqual(complaints(self.program, tomllib.loads(block)), [], page)
        self.assertGreater(count, 0)

    def test_wrong_graphs_do_not_pass(self):
        refused = 0
        for path in sorted(glob.glob(os.path.join(GOLDEN, "*.toml"))):
            name = os.path.basename(path)
            with open(path[:-5] + ".txt", encoding="utf-8") as file:
                codes = set(re.findall(r"^error\[(E\d+)\]", file.read(), re.M))
            if not codes & CODES or name in LET_PASS:
                continue
            try:
                document = read(path)
            except tomllib.TOMLDecodeError:
                continue
            refused += 1
            with self.subTest(name):
                self.assertNotEqual(complaints(self.tests, document), [], sorted(codes))
        self.assertGreater(refused, 12)

    def test_a_complaint_names_the_value_that_is_wrong(self):
        graph = read(os.path.join(GOLDEN, "good", "quickstart.toml"))
        for key, value in (("temprature", 1.0), ("group_size", 0), ("group_size", "8"),
                           ("model", 3), ("kind", "generater")):
            changed = json.loads(json.dumps(graph))
            changed["stage"]["generate"][key] = value
            found = complaints(self.tests, changed)
            self.assertTrue(found, key)
            self.assertTrue(any(f.startswith("stage.generate") for f in found), found)
            self.assertTrue(any(key in f or str(value) in f for f in found), found)
        changed = json.loads(json.dumps(graph))
        changed["stage"]["check_math"]["timeout"] = "2 seconds"
        self.assertIn("stage.check_math.timeout", complaints(self.tests, changed)[0])

    def test_every_option_is_offered_with_its_text(self):
        kinds = self.tests.schema["definitions"]
        generator = kinds["kind.generator"]["properties"]
        self.assertEqual(generator["group_size"]["default"], 1)
        self.assertEqual(generator["group_size"]["maximum"], 1024)
        self.assertIn("samples of one prompt", generator["group_size"]["description"])
        # Plugins that know no if/then find every option beside `kind`.
        offered = kinds["stage"]["properties"]
        for name in generator:
            self.assertIn(name, offered)


if __name__ == "__main__":
    unittest.main()
