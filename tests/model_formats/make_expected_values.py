#!/usr/bin/env python3
"""Writes expected_values.json: elements of the small real model as the gguf package dequantises
them and transformers lays them out (q and k rows restored).

    make_expected_values.py MODEL.gguf > expected_values.json

Development tool; needs the PyPI packages gguf and transformers (with torch). The tests need only
the JSON file.
"""

import json
import sys

import gguf
import numpy as np
from transformers import AutoModelForCausalLM

NAMES = [
    "model.embed_tokens.weight",
    "model.norm.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.self_attn.k_proj.weight",
    "model.layers.0.self_attn.v_proj.weight",
    "model.layers.7.self_attn.o_proj.weight",
    "model.layers.7.mlp.gate_proj.weight",
    "model.layers.29.self_attn.q_proj.weight",
    "model.layers.29.self_attn.k_proj.weight",
    "model.layers.29.mlp.down_proj.weight",
    "model.layers.29.post_attention_layernorm.weight",
]


def main(path):
    folder, _, file = path.rpartition("/")
    model = AutoModelForCausalLM.from_pretrained(folder or ".", gguf_file=file, dtype="float32")
    weights = {k: v.detach().numpy() for k, v in model.state_dict().items()}
    # An independent look at one tensor: gguf's own dequantisation, without any layout change.
    reader = gguf.GGUFReader(path)
    raw = {t.name: t for t in reader.tensors}
    v = raw["blk.0.attn_v.weight"]
    assert np.array_equal(
        gguf.dequantize(v.data, v.tensor_type), weights["model.layers.0.self_attn.v_proj.weight"]
    )
    out = []
    for name in NAMES:
        w = weights[name]
        flat = w.reshape(-1)
        picks = [(i * 7919 * 31 + 17) % flat.size for i in range(24)]
        out.append(
            {
                "name": name,
                "shape": list(w.shape),
                "sum": float(flat.astype(np.float64).sum()),
                # Depends on the order of rows, which a plain sum does not.
                "row_weighted_sum": float(
                    (
                        w.astype(np.float64).reshape(w.shape[0], -1).sum(1) * np.arange(w.shape[0])
                    ).sum()
                ),
                "index": picks,
                "value": [float(flat[i]) for i in picks],
            }
        )
    json.dump(out, sys.stdout, indent=None, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main(sys.argv[1])
