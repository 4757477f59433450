"""Takes the code blocks out of CONTRIBUTING.md, so that what a newcomer is shown is what is built.
A block belongs to the comment `<!-- tested: NAME -->` right before it and is written to OUT/NAME.
Usage: extract.py PAGE OUT"""
import os
import re
import sys

BLOCK = re.compile(r"^<!-- tested: (\S+) -->\n```\w*\n(.*?)^```$", re.M | re.S)


def main():
    page, out = sys.argv[1:]
    with open(page, encoding="utf-8") as file:
        text = file.read()
    blocks = BLOCK.findall(text)
    if len(blocks) != text.count("<!-- tested: ") or not blocks:
        print(f"error: {page}: a '<!-- tested: NAME -->' line has no code block right after it",
              file=sys.stderr)
        return 1
    for name, code in blocks:
        path = os.path.join(out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(path, encoding="utf-8") as file:
                if file.read() == code:
                    continue  # keep its time, so that nothing is built again
        except FileNotFoundError:
            pass
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
