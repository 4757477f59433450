"""Proves that check.py finds every kind of breach: builds small trees, clean ones and ones that
break a single rule, and looks at what is reported."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import check  # noqa: E402

HEADER = "#pragma once\n// What it is.\n"


def breaches(files):
    """[(path, line, rule)] of a tree made of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
        return [breach[:3] for breach in check.check(root)[0]]


class Includes(unittest.TestCase):
    def expect(self, path, target, rule):
        text = f"#include {target}\n"
        line = 1
        if path.endswith(".hpp"):
            text, line = HEADER + text, 3
        expected = [(path, line, rule)] if rule else []
        self.assertEqual(breaches({path: text}), expected, f"{path} includes {target}")

    def test_every_layer_may_use_what_stands_left_of_it(self):
        for path, target in [
                ("schemas/envelope.hpp", '"schemas/base/ids.hpp"'),
                ("graphs/plan.cpp", '"schemas/base/result.hpp"'),
                ("graphs/plan.cpp", '"graphs/contract.hpp"'),
                ("actors/runtime/stage.hpp", '"graphs/plan.hpp"'),
                ("actors/stages/verifier/math.cpp", '"actors/runtime/stage.hpp"'),
                ("actors/stages/generator.cpp", '"model/engine.hpp"'),
                ("actors/stages/generator.cpp", '"graphs/contract.hpp"'),
                ("actors/stages/generator.cpp", '"schemas/base/rng.hpp"'),
                ("actors/ledger/journal.cpp", '"actors/runtime/stage.hpp"'),
                ("actors/hosts/caf/host.cpp", '"actors/hosts/host.hpp"'),
                ("actors/hosts/caf/host.cpp", "<caf/all.hpp>"),
                ("actors/cli/run.cpp", '"actors/ledger/journal.hpp"'),
                ("actors/cli/run.cpp", '"actors/hosts/caf/host.hpp"'),
                ("actors/cli/run.cpp", "<CLI/CLI.hpp>"),
                ("actors/cli/run.cpp", "<iostream>"),
                ("model/engines/llama.cpp", '"model/formats/gguf.hpp"'),
                ("model/engines/llama.hpp", "<ATen/core/Tensor.h>"),
                ("model/losses/kl.cpp", '"kernels/ops.hpp"'),
                ("schemas/envelope.cpp", "<capnp/serialize.h>"),
                ("tests/model/engine_test.cpp", '"model/engines/llama.hpp"'),
                ("tests/model/engine_test.cpp", "<torch/torch.h>")]:
            self.expect(path, target, None)

    def test_no_layer_may_use_what_stands_right_of_it(self):
        for path, target in [
                ("schemas/base/ids.cpp", '"schemas/envelope.hpp"'),
                ("schemas/envelope.cpp", '"graphs/plan.hpp"'),
                ("graphs/plan.hpp", '"actors/runtime/stage.hpp"'),
                ("graphs/plan.cpp", '"model/engine.hpp"'),
                ("kernels/cpu/gemm.cpp", '"model/engine.hpp"'),
                ("kernels/cpu/gemm.cpp", '"schemas/envelope.hpp"'),
                ("model/losses/kl.cpp", '"actors/runtime/stage.hpp"'),
                ("model/losses/kl.cpp", '"schemas/envelope.hpp"'),
                ("model/losses/kl.cpp", '"model/engines/llama.hpp"'),
                ("model/engines/llama.cpp", '"graphs/plan.hpp"'),
                ("actors/runtime/stage.cpp", '"actors/stages/filter.hpp"'),
                ("actors/runtime/stage.cpp", '"actors/ledger/journal.hpp"'),
                ("actors/runtime/stage.cpp", '"model/engine.hpp"'),
                ("actors/stages/filter.cpp", '"actors/ledger/journal.hpp"'),
                ("actors/stages/filter.cpp", '"model/engines/llama.hpp"'),
                ("actors/ledger/journal.cpp", '"actors/observe/metrics.hpp"'),
                ("actors/observe/metrics.cpp", '"actors/ledger/journal.hpp"'),
                ("actors/hosts/simulated/host.cpp", '"actors/hosts/caf/host.hpp"'),
                ("actors/hosts/caf/host.cpp", '"actors/cli/main.hpp"'),
                ("actors/cli/run.cpp", '"model/engines/llama.hpp"'),
                ("actors/cli/run.cpp", '"tests/catch.hpp"')]:
            self.expect(path, target, "layer")

    def test_third_party_libraries_stay_where_they_belong(self):
        for path, target in [
                ("actors/runtime/stage.hpp", "<caf/actor.hpp>"),
                ("actors/hosts/simulated/host.cpp", "<caf/all.hpp>"),
                ("model/engine.hpp", "<ATen/core/Tensor.h>"),
                ("model/losses/kl.cpp", "<torch/torch.h>"),
                ("actors/stages/learner.cpp", "<c10/util/Exception.h>"),
                ("actors/cli/run.cpp", "<toml++/toml.h>"),
                ("actors/ledger/journal.cpp", "<CLI/CLI.hpp>"),
                ("graphs/plan.cpp", "<iostream>"),
                ("graphs/plan.cpp", "<capnp/message.h>"),
                ("schemas/base/ids.cpp", '"schemas/messages.capnp.h"'),
                ("graphs/plan.cpp", "<cuda_runtime.h>")]:
            found = breaches({path: (HEADER if path.endswith("hpp") else "") +
                              f"#include {target}\n"})
            self.assertIn("third_party", [rule for _, _, rule in found], f"{path} {target}")

    def test_toml_is_included_in_one_file_only(self):
        text = "#include <toml++/toml.h>\n"
        self.assertEqual(breaches({"graphs/reader.cpp": text}), [])
        self.assertEqual(breaches({"graphs/reader.cpp": text, "graphs/writer.cpp": text}),
                         [("graphs/writer.cpp", 1, "third_party")])

    def test_umbrella_headers_stay_out_of_headers(self):
        self.expect("model/engines/llama.hpp", "<torch/torch.h>", "umbrella_header")
        self.expect("actors/cli/options.hpp", "<CLI/CLI.hpp>", "umbrella_header")

    def test_includes_start_at_the_repository_root(self):
        self.expect("graphs/plan.cpp", '"plan.hpp"', "include_path")
        self.expect("graphs/plan.cpp", '"../schemas/base/ids.hpp"', "include_path")


class Code(unittest.TestCase):
    def test_only_the_command_line_prints(self):
        for code in ['std::cout << 1;', 'printf("%d", 1);', 'std::cerr << 1;', 'fmt::print("x");']:
            self.assertEqual(breaches({"graphs/plan.cpp": f"void f() {{ {code} }}\n"}),
                             [("graphs/plan.cpp", 1, "prints")], code)
            self.assertEqual(breaches({"actors/cli/run.cpp": f"void f() {{ {code} }}\n"}), [])

    def test_only_hosts_know_the_real_time(self):
        code = "auto t = std::chrono::steady_clock::now();\n"
        self.assertEqual(breaches({"actors/stages/a.cpp": "\n" + code}),
                         [("actors/stages/a.cpp", 2, "real_world")])
        self.assertEqual(breaches({"actors/hosts/caf/a.cpp": code}), [])

    def test_comments_and_strings_are_not_code(self):
        self.assertEqual(breaches({"graphs/a.cpp": '// std::cout\nauto s = "std::cout";\n'
                                   "/* printf(\n std::cerr */ int n = 1'000;\n"
                                   'auto r = R"(std::cerr)";\n'}), [])
        self.assertEqual(breaches({"graphs/a.cpp": '/* a\nb */ char c = \'"\'; std::cout << c;\n'}),
                         [("graphs/a.cpp", 2, "prints")])


class Files(unittest.TestCase):
    def rules(self, files):
        return [rule for _, _, rule in breaches(files)]

    def test_a_header_opens_with_pragma_once_and_a_comment(self):
        self.assertEqual(breaches({"graphs/a.hpp": HEADER}), [])
        self.assertEqual(breaches({"graphs/a.hpp": "#pragma once\nint x;\n"}),
                         [("graphs/a.hpp", 2, "header_opening")])
        self.assertEqual(self.rules({"graphs/a.hpp": "// What it is.\n#pragma once\n"}),
                         ["header_opening", "header_opening"])

    def test_files_and_lines_have_a_limit(self):
        self.assertEqual(breaches({"graphs/a.cpp": "int x;\n" * 600}), [])
        self.assertEqual(self.rules({"graphs/a.cpp": "int x;\n" * 601}), ["file_length"])
        self.assertEqual(breaches({"graphs/a.cpp": "// " + "é" * 97 + "\n"}), [])
        self.assertEqual(breaches({"graphs/a.cpp": "\n// " + "x" * 98 + "\n"}),
                         [("graphs/a.cpp", 2, "line_length")])
        text = 'const char* s = "' + "x" * 101 + '"'
        self.assertEqual(breaches({"graphs/a.cpp": text + ";\n"}), [])
        self.assertEqual(self.rules({"graphs/a.cpp": text + ";;\n"}), ["line_length"])
        self.assertEqual(breaches({"docs/a.md": "x" * 500 + "\n"}), [])

    def test_names_are_snake_case_and_say_something(self):
        self.assertEqual(self.rules({"graphs/PlanReader.cpp": ""}), ["name"])
        self.assertEqual(self.rules({"graphs/plan-reader.cpp": ""}), ["name"])
        self.assertEqual(self.rules({"Graphs/plan.cpp": ""}), ["name"])
        self.assertEqual(self.rules({"graphs/plan_manager.cpp": ""}), ["banned_word"])
        self.assertEqual(self.rules({"actors/util/plan.cpp": ""}), ["banned_word"])
        self.assertEqual(breaches({"README.md": "", "graphs/CMakeLists.txt": "", ".ci/run": "",
                                   "tests/model/data/Odd-Name.json": ""}), [])

    def test_nothing_unfinished_and_no_machine_path_is_kept(self):
        self.assertEqual(breaches({"docs/a.md": "fine\nTO" "DO: later\n"}),
                         [("docs/a.md", 2, "unfinished")])
        self.assertEqual(breaches({"graphs/a.cpp": "// FIX" "ME\n"}),
                         [("graphs/a.cpp", 1, "unfinished")])
        self.assertEqual(breaches({"docs/a.md": "see /ro" "ot/x and /ho" "me/me\n"}),
                         [("docs/a.md", 1, "machine_path")])
        self.assertEqual(breaches({"docs/a.md": "see actors/wo" "rk/x\n"}), [])

    def test_a_file_that_is_not_text_is_named(self):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "a.cpp"), "wb") as file:
                file.write(b"\xff\xfe")
            self.assertEqual([b[:3] for b in check.check(root)[0]], [("a.cpp", 1, "encoding")])


if __name__ == "__main__":
    unittest.main()
