"""Proves what test_report.py prints after CTest's own lines."""
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_report.py")
CTEST = """Test project build
    Start 1: one
1/3 Test #1: one ....   Passed    0.01 sec

67% tests passed, 1 tests failed out of 3

Total Test time (real) =   0.03 sec

The following tests did not run:
\t  3 - three (Skipped)
"""
JUNIT = """<?xml version="1.0"?><testsuite name="x" tests="3">
<testcase name="one" status="run"><system-out>fine</system-out></testcase>
<testcase name="two" status="fail"><failure message=""/><system-out/></testcase>
<testcase name="three" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>before
SKIPPED: no model here; run ./dev setup
after</system-out></testcase></testsuite>
"""


def report(ctest, junit):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.xml")
        if junit is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(junit)
        return subprocess.run([sys.executable, PROGRAM, path], input=ctest, text=True,
                              capture_output=True, check=False)


class Report(unittest.TestCase):
    def test_reasons_come_before_the_summary_and_the_last_line_counts(self):
        lines = report(CTEST, JUNIT).stdout.splitlines()
        self.assertEqual(lines[-1], "1 passed, 1 failed, 1 skipped")
        reason = lines.index("  three: no model here; run ./dev setup")
        self.assertLess(reason, lines.index("67% tests passed, 1 tests failed out of 3"))
        self.assertEqual(lines[:3], CTEST.splitlines()[:3])
        self.assertTrue([line for line in lines if "./dev test -R" in line])

    def test_nothing_is_said_of_skipped_tests_when_there_are_none(self):
        junit = '<testsuite><testcase name="one" status="run"/></testsuite>'
        out = report("x\n100% tests passed, 0 tests failed out of 1\n", junit).stdout
        self.assertEqual(out, "x\n100% tests passed, 0 tests failed out of 1\n"
                              "1 passed, 0 failed, 0 skipped\n")

    def test_ctest_that_died_is_an_error(self):
        for junit in (None, "<testsuite><broken"):
            result = report("No tests were found!!!\n", junit)
            self.assertEqual(result.returncode, 1)
            self.assertIn("No tests were found!!!", result.stdout)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    unittest.main()
