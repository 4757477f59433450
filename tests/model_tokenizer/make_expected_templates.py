#!/usr/bin/env python3
"""Writes templates.jsonl: [question, system or null, ids], by the chat template in the GGUF file
that transformers' apply_chat_template renders, encoded by the reference tokenizer.

    make_expected_templates.py MODEL.gguf

Development tool; needs gguf, tokenizers and transformers. The tests need only its output.
"""

import json
import os
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CASES = [
    ("What is 7 + 5?", None),
    ("What is 7 + 5?", "You are a calculator."),
    ("", None),
    ("  spaces  ", None),
    ("\nnew line first", None),
    ("What is 12 × 11?\n", "Answer briefly.\n"),
    ("Ünïcödé 你好 😀", None),
    ("a  12", "  b  34  "),
    ("def f(x):\n    return x\n", None),
    ("1", "2"),
    (
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many "
        "clips in May. "
        "How many clips did Natalia sell altogether in April and May?",
        None,
    ),
]


def main(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    t = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens(
        [AddedToken(x, special=True, normalized=False) for x, k in zip(tokens, types) if k == 3]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=t, eos_token="<|im_end|>")
    fast.chat_template = fields["tokenizer.chat_template"].contents()
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "templates.jsonl"), "w", encoding="utf-8") as f:
        for question, system in CASES:
            messages = [] if system is None else [{"role": "system", "content": system}]
            messages.append({"role": "user", "content": question})
            ids = fast.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            f.write(json.dumps([question, system, list(ids)], ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
