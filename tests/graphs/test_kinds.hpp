#pragma once
// Contracts for the tests of the graph language. They resemble the kinds of the program, which are
// declared elsewhere, and stay as they are when those change.
#include "graphs/contract.hpp"

namespace troupe::graphs {

inline Kinds test_kinds() {
  using enum MessageType;
  using enum OptionType;
  Kinds kinds;
  kinds.add(contract("dataset.jsonl")
                .doc("prompts from a file of JSON lines")
                .out("prompts", Prompt)
                .option("path", Path, "the file")
                .required()
                .must_exist()
                .option("question_field", String, "question", "field of the question")
                .option("answer_field", String, "answer", "field of the gold answer")
                .option("template", String, "chatml", "how a question becomes a prompt")
                .choices({"chatml", "r1-zero", "none"})
                .option("system", String, "", "system prompt")
                .option("task", String, "math", "task of every prompt")
                .option("epochs", Integer, 1, "passes over the file; 0: without end")
                .at_least(0)
                .option("shuffle", Bool, true, "another order in every pass"));
  kinds.add(contract("dataset.arithmetic")
                .doc("generated questions: What is a op b?")
                .out("prompts", Prompt)
                .list("operators", String, {"+", "-", "*"}, "what is asked")
                .choices({"+", "-", "*"})
                .option("low", Integer, 1, "smallest operand")
                .range(0, 1e6)
                .option("high", Integer, 12, "largest operand")
                .range(0, 1e6)
                .option("split", String, "train", "which pairs")
                .choices({"train", "held_out"})
                .option("template", String, "chatml", "how a question becomes a prompt"));
  kinds.add(contract("generator")
                .doc("completions of prompts")
                .in("prompts", Prompt)
                .in_latest("weights", Weights)
                .out("samples", Sample)
                .admits()
                .uses_model()
                .option("group_size", Integer, 1, "samples of one prompt")
                .range(1, 1024)
                .option("max_new_tokens", Integer, 256, "longest completion")
                .range(1, 1 << 20)
                .option("temperature", Real, 1.0, "of sampling; 0: greedy")
                .range(0, 5)
                .option("top_p", Real, 1.0, "nucleus")
                .more_than(0)
                .option("top_k", Integer, 0, "0: all tokens")
                .at_least(0)
                .list("stop", String, List{}, "texts that end a completion"));
  kinds.add(contract("verifier.math")
                .doc("1 when the answer equals the gold answer")
                .in("samples", Sample)
                .out("samples", Sample)
                .judges()
                .option("extract", String, "last_number", "where the answer is looked for")
                .choices({"boxed", "hash", "last_number"})
                .option("workers", Integer, 1, "threads")
                .range(1, 256)
                .option("timeout", Duration, "2s", "longest time for one sample")
                .range(0.001, 3600)
                .option("retries", Integer, 1, "after a failure of the verifier")
                .range(0, 100));
  kinds.add(contract("verifier.format")
                .doc("1 when the completion has the form")
                .in("samples", Sample)
                .out("samples", Sample)
                .judges()
                .option("rule", String, "finished", "what is asked")
                .choices({"finished", "think_answer"}));
  kinds.add(contract("scorer.weighted")
                .doc("the reward: the weighted sum of verdicts")
                .in("samples", Sample)
                .out("samples", Sample)
                .option("weights", StageWeights, "weight of every verdict")
                .required()
                .list("optional", StageRef, List{}, "verdicts that may be missing"));
  kinds.add(contract("filter.group")
                .doc("keeps groups that teach something")
                .in("groups", Group)
                .out("groups", Group)
                .accounts_groups()
                .option("min_spread", Real, 0.0, "least deviation of rewards")
                .at_least(0));
  kinds.add(contract("learner.grpo")
                .doc("group relative policy optimisation")
                .in("groups", Group)
                .out_latest("weights", Weights)
                .accounts_groups()
                .learns()
                .uses_model()
                .option("reference", Model, "model for the KL term")
                .option("prompts_per_step", Integer, 8, "groups of one step")
                .range(1, 1e6)
                .option("learning_rate", Real, 1e-6, "of AdamW")
                .more_than(0)
                .option("publish_every", Integer, 1, "steps that share weights")
                .range(1, 1e6)
                .option("buffer", ByteSize, "64MiB", "for gradients")
                .at_least(1 << 20));
  kinds.add(contract("evaluator")
                .doc("accuracy on held-out questions, beside the flow")
                .in_latest("weights", Weights)
                .uses_model()
                .option("questions", StageRef, "the dataset")
                .family("dataset")
                .required()
                .list("verifiers", StageRef, List{}, "who judges")
                .family("verifier")
                .option("every", Count, "0 steps", "how often; 0: before and after")
                .unit(CountUnit::Steps));
  kinds.add(contract("sink.jsonl")
                .doc("writes samples as JSON lines")
                .in("samples", Sample)
                .option("path", Path, "file to write")
                .required());
  kinds.add(contract("filter.length")
                .doc("parts short samples from long ones")
                .in("samples", Sample)
                .out("short", Sample)
                .out("long", Sample)
                .option("tokens", Integer, 100, "longest short sample")
                .at_least(1));
  kinds.add(contract("samples").doc("samples out of nowhere").out("samples", Sample));
  return kinds;
}

}  // namespace troupe::graphs
