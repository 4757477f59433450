#!/usr/bin/env python3
"""Writes expected_blocks.json: two random blocks of every element type, and the floats that the
gguf package dequantises them to.

    make_expected_blocks.py > expected_blocks.json

Development tool; needs the PyPI package gguf. The tests need only the JSON file.
"""
import json
import sys

import gguf
import numpy as np

# type -> offsets of the f16 scales in a block; random bytes there could be NaN
SCALES = {"F16": [], "BF16": [], "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q4_K": [0, 2]}
SCALES["Q6_K"] = [208]


def main():
    rng = np.random.default_rng(5)
    rows = []
    for name, scales in SCALES.items():
        kind = getattr(gguf.GGMLQuantizationType, name)
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = 2 if elements > 1 else 64
        data = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
        for block in data:
            for at in scales:
                block[at : at + 2] = np.array([rng.normal()], dtype=np.float16).view(np.uint8)
            if not scales:  # a plain type: any value but infinities and NaN
                block[1] &= 0xBB
        if name == "F16":
            values = data.reshape(-1).view(np.float16).astype(np.float32)
        else:
            values = gguf.dequantize(data.reshape(1, -1), kind).reshape(-1).astype(np.float32)
        assert np.isfinite(values).all() and values.size == blocks * elements
        rows.append(
            {"type": name, "bytes": data.tobytes().hex(), "values": [float(v) for v in values]}
        )
    json.dump(rows, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
