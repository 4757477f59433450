#!/usr/bin/env python3
"""Loads a folder that CheckpointWriter wrote with `transformers`, and compares it with the GGUF
file it came from: ids of the tokenizer's test strings, the chat template, weights and logits.

    TROUPE_KEEP_CHECKPOINT=FOLDER build/tests/model_formats_test "the_small_real_model_survives*"
    check_with_transformers.py FOLDER MODEL.gguf

Development tool; needs the PyPI packages transformers, tokenizers, gguf, numpy and torch.
"""
import base64
import json
import os
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(folder, gguf_path):
    tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model_tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    print("tokenizer:", type(tokenizer).__name__, "eos", tokenizer.eos_token_id)
    # Strings of the tests hold no special token that is meant as one, but some name it.
    wrong = checked = 0
    with open(os.path.join(tests, "strings.jsonl"), encoding="utf-8") as f:
        for line in f:
            text, packed = json.loads(line)
            if "<|" in text:
                continue
            ids = np.frombuffer(base64.b64decode(packed), dtype="<u2").tolist()
            wrong += tokenizer(text, add_special_tokens=True)["input_ids"] != ids
            checked += 1
    print(f"ids: {checked} strings, {wrong} differ")
    bad_template = 0
    with open(os.path.join(tests, "templates.jsonl"), encoding="utf-8") as f:
        for line in f:
            question, system, ids = json.loads(line)
            messages = [] if system is None else [{"role": "system", "content": system}]
            messages.append({"role": "user", "content": question})
            got = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            bad_template += list(got) != ids
    print("chat template:", bad_template, "differ")

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    print("model:", model.dtype, sum(p.numel() for p in model.parameters()), "parameters")
    base, _, file = gguf_path.rpartition("/")
    source = AutoModelForCausalLM.from_pretrained(base or ".", gguf_file=file, dtype="float32")
    for (name, a), (_, b) in zip(
        sorted(model.state_dict().items()), sorted(source.state_dict().items())
    ):
        assert torch.equal(a, b.to(torch.bfloat16)), name
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=False,
    )
    with torch.no_grad():
        p = model.float()(ids).logits[0, -1].log_softmax(-1)
        q = source(ids).logits[0, -1].log_softmax(-1)
    print("largest difference of probabilities:", float((p.exp() - q.exp()).abs().max()))
    out = model.generate(ids, max_new_tokens=24, do_sample=False)
    print("greedy:", tokenizer.decode(out[0, ids.shape[1] :]))
    for key in ("rope_parameters", "rope_theta", "rms_norm_eps", "eos_token_id"):
        print(key, getattr(model.config, key, None), getattr(source.config, key, None))
    sys.exit(1 if wrong or bad_template else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
