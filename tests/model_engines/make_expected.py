#!/usr/bin/env python3
"""Makes expected.json: what transformers computes (f32, eager attention) for the real model and for
tiny models whose weights both sides derive from SplitMix64. Needs torch, transformers, gguf, numpy.

Usage: make_expected.py SmolLM2-135M-Instruct.Q4_1.gguf
"""
import json
import os
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

MASK = (1 << 64) - 1

# Sequences of the real model: any ids do; the second is long enough for three pages of the cache.
SEQUENCES = [
    [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519],
    [504 + (i * i * 37 + i * 11) % 40000 for i in range(45)],
    [2],
]
TINY = [  # grouped heads with tied embeddings; untied with one key/value head per head
    dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
         head_dim=16, intermediate_size=80, vocab_size=97, rms_norm_eps=1e-5, rope_theta=1e4,
         max_position_embeddings=128, tie_word_embeddings=True),
    dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
         head_dim=32, intermediate_size=64, vocab_size=50, rms_norm_eps=1e-6, rope_theta=1e5,
         max_position_embeddings=64, tie_word_embeddings=False),
]


def mix64(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def derive_seed(seed, value):
    golden = 0x9E3779B97F4A7C15
    return mix64((seed * golden + mix64((value + golden) & MASK)) & MASK)


def uniforms(seed, stream, count):
    key = derive_seed(seed, stream)
    return [(mix64((key + 0x9E3779B97F4A7C15 * (i + 1)) & MASK) >> 11) * 2.0**-53
            for i in range(count)]


def names(config):
    out = ["model.embed_tokens.weight"]
    for i in range(config["num_hidden_layers"]):
        for name in ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                     "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",
                     "mlp.down_proj"):
            out.append(f"model.layers.{i}.{name}.weight")
    out.append("model.norm.weight")
    if not config["tie_word_embeddings"]:
        out.append("lm_head.weight")
    return out


def tiny(config):
    """Weights as tests/model_engines/tiny_model.hpp makes them: stream = index of the name."""
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager"))
    state = model.state_dict()
    for stream, name in enumerate(names(config)):
        shape = state[name].shape
        u = np.array(uniforms(7, stream, state[name].numel()))
        values = 1 + 0.4 * (u - 0.5) if len(shape) == 1 else 0.6 * (u - 0.5)
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    model.load_state_dict(state)
    return model.eval()


def logprobs(model, tokens, temperature=1.0):
    logits = model(torch.tensor([tokens])).logits[0].float()
    return logits, torch.log_softmax(logits / temperature, -1)


def real_model(path):
    model = AutoModelForCausalLM.from_pretrained(
        os.path.dirname(os.path.abspath(path)), gguf_file=os.path.basename(path),
        dtype=torch.float32, attn_implementation="eager").eval()
    out = []
    with torch.no_grad():
        for tokens in SEQUENCES:
            logits, logs = logprobs(model, tokens)
            top = torch.topk(logits[-1], 12)
            out.append({
                "tokens": tokens,
                "logprobs": [round(logs[i, t].item(), 5) for i, t in enumerate(tokens[1:])],
                "top_ids": top.indices.tolist(),
                "top_logits": [round(x, 4) for x in top.values.tolist()],
                "top_logprobs": [round(x, 5) for x in logs[-1][top.indices].tolist()],
            })
        prompt = SEQUENCES[0]
        greedy = []
        for _ in range(16):
            logits, _ = logprobs(model, prompt + greedy)
            greedy.append(int(logits[-1].argmax()))
    return {"sequences": out, "greedy": {"prompt": prompt, "tokens": greedy}}


def tiny_model(config):
    """Logits of a sequence, and gradients of sum(c_t * logprob_t) over two completions that share a
    prompt, with temperature 0.8."""
    model = tiny(config)
    vocab = config["vocab_size"]
    tokens = [(i * i * 7 + 3 * i + 1) % vocab for i in range(21)]
    with torch.no_grad():
        logits, _ = logprobs(model, tokens)
    prompt = tokens[:9]
    completions = [tokens[9:], [(5 * i + 2) % vocab for i in range(20)], [3]]
    total = 0
    for s, completion in enumerate(completions):
        _, logs = logprobs(model, prompt + completion, 0.8)
        for t, token in enumerate(completion):
            coefficient = ((t * 3 + s * 5) % 7 - 3) / 4
            total = total + coefficient * logs[len(prompt) - 1 + t, token]
    total.backward()
    gradients = {}
    grads = {name: p.grad for name, p in model.named_parameters()}
    for name in names(config):
        flat = grads[name].flatten()
        picks = [(i * 7919) % len(flat) for i in range(6)]
        gradients[name] = {"norm": flat.norm().item(), "at": picks,
                           "values": [flat[i].item() for i in picks]}
    return {"config": config, "tokens": tokens, "last_logits": logits[-1].tolist(),
            "prompt": prompt, "completions": completions, "temperature": 0.8,
            "objective": total.item(), "gradients": gradients}


def main():
    torch.set_num_threads(2)
    result = {"real": real_model(sys.argv[1]), "tiny": [tiny_model(c) for c in TINY]}
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json")
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
