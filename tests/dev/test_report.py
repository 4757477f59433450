"""Ends the output of `./dev test`: passes CTest's lines on as they come, holds its summary back,
says why tests were skipped (from the JUnit file that CTest wrote), then prints CTest's summary and
a last line that counts. Usage: ctest --output-junit FILE ... | test_report.py FILE
"""
import re
import sys
import xml.etree.ElementTree as xml

SUMMARY = re.compile(r"^\d+% tests passed, \d+ tests? failed out of \d+")
REASON = re.compile(r"SKIPPED: *(.*)")


def read_results(path):
    """(passed, failed, [(test, reason)]) of a JUnit file; None when there is none."""
    try:
        cases = xml.parse(path).getroot().iter("testcase")
    except (OSError, xml.ParseError):
        return None
    passed, failed, skipped = 0, 0, []
    for case in cases:
        status = case.get("status")
        if status == "run":
            passed += 1
        elif status == "fail":
            failed += 1
        else:
            output = case.findtext("system-out") or ""
            found = REASON.search(output)
            reason = found.group(1).strip() if found else status or "no reason given"
            skipped.append((case.get("name"), reason))
    return passed, failed, skipped


def main():
    held = []
    for line in sys.stdin:
        if held or SUMMARY.match(line):
            held.append(line)
        else:
            sys.stdout.write(line)
            sys.stdout.flush()
    results = read_results(sys.argv[1])
    if results is None:
        sys.stdout.write("".join(held))
        print("error: CTest ended without results; see above what stopped it")
        return 1
    passed, failed, skipped = results
    if skipped:
        print("\nSkipped, and why:")
        for name, reason in skipped:
            print(f"  {name}: {reason}")
        print()
    if failed:
        print("\nWhat failed tells why above. One test alone: ./dev test -R PART_OF_ITS_NAME\n")
    sys.stdout.write("".join(held))
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
