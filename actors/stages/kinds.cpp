#include "actors/stages/kinds.hpp"

#include "actors/stages/dataset/dataset_stage.hpp"
#include "actors/stages/evaluator.hpp"
#include "actors/stages/filter_group.hpp"
#include "actors/stages/generator.hpp"
#include "actors/stages/grpo_options.hpp"
#include "actors/stages/learner_grpo.hpp"
#include "actors/stages/scorer_weighted.hpp"
#include "actors/stages/sink_jsonl.hpp"
#include "actors/stages/verifier/format_verifier.hpp"
#include "actors/stages/verifier/judge_stage.hpp"
#include "actors/stages/verifier/math_verifier.hpp"
#include "actors/stages/verifier/verifier_stage.hpp"

namespace troupe::stages {

using graphs::contract;
using graphs::List;
using graphs::MessageType;
using graphs::OptionType;
using runtime::Stage;
using runtime::StageContext;

void KindRegistry::add_verifier(graphs::ContractBuilder builder, VerifierMaker maker) {
  builder.in("samples", MessageType::Sample)
      .out("samples", MessageType::Sample)
      .judges()
      .swappable()
      .option("workers", OptionType::Integer, 2, "samples judged at once")
      .range(1, 1024)
      .option("timeout", OptionType::Duration, "10s", "for one sample, then the verdict is timeout")
      .range(0.001, 86400)
      .option("retries", OptionType::Integer, 2, "tries again after a timeout or a failure")
      .range(0, 100);
  graphs::Contract made = builder;
  verifiers_->emplace(made.kind, maker);
  kinds_.add(std::move(made),
             [maker](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
               TROUPE_ASSIGN(auto verifier, maker(context));
               return std::unique_ptr<Stage>(
                   std::make_unique<VerifierStage>(context, std::move(verifier)));
             });
}

namespace {

graphs::ContractBuilder dataset_contract(const char* kind, const char* doc) {
  return contract(kind)
      .doc(doc)
      .out("prompts", MessageType::Prompt)
      .keeps_state()
      .option("task", OptionType::String, "math", "what routes choose by")
      .option("template", OptionType::String, "chatml", "how a question becomes tokens")
      .choices({"chatml", "r1-zero", "none"})
      .option("system", OptionType::String, "system text, for templates that have one")
      .option("epochs", OptionType::Integer, 0, "passes over the rows; 0: until the run ends")
      .range(0, 1e9)
      .option("shuffle", OptionType::Bool, true, "another order in every pass")
      .option("seed", OptionType::Integer, "of those orders; left out: from the run's seed")
      .range(0, 1e15)
      .option("weight", OptionType::Real, 1.0,
              "share of the prompts where several datasets lead into one stage")
      .more_than(0);
}

/// What all data files have in common: which columns mean what, and which rows are used.
graphs::ContractBuilder file_contract(const char* kind, const char* doc) {
  return dataset_contract(kind, doc)
      .option("path", OptionType::Path, "the file, or a folder with `files`")
      .required()
      .must_exist()
      .option("files", OptionType::String, "", "which files of the folder: \"train-*.parquet\"")
      .option("question_field", OptionType::String, "question",
              "column of the question, or a path to it: \"a.b\"; may hold messages")
      .option("question_format", OptionType::String, "",
              "the question made of columns: \"{passage} {question}\"")
      .option("answer_field", OptionType::String, "answer",
              "column of the gold answer; \"\": there is none")
      .option("task_field", OptionType::String, "", "column of the task, where it has a text")
      .option("system_field", OptionType::String, "", "column of the system text")
      .option("id_field", OptionType::String, "", "column to take along as \"id\"")
      .list("keep", OptionType::String, List{}, "columns to take along with every sample")
      .option("split", OptionType::String, "all", "which rows: all, or one side of test_fraction")
      .choices({"all", "train", "test"})
      .option("test_fraction", OptionType::Real, 0.05, "share of the rows that is split test")
      .range(0, 1)
      .option("split_seed", OptionType::Integer, 0, "chooses which rows those are")
      .range(0, 1e15)
      .option("split_by", OptionType::String, "",
              "column that decides the split; \"\": the question")
      .option("skip", OptionType::Integer, 0, "rows of the split to leave out at its beginning")
      .range(0, 1e12)
      .option("limit", OptionType::Integer, 0, "rows of the split to use; 0: all")
      .range(0, 1e12)
      .option("bad_rows", OptionType::String, "fail", "what rows do that cannot be used")
      .choices({"fail", "skip"})
      .option("if_changed", OptionType::String, "fail",
              "at a resume, when the file is not what it was; go_on: with a new epoch")
      .choices({"fail", "go_on"});
}

Result<std::unique_ptr<Stage>> make_dataset(const StageContext& context) {
  TROUPE_ASSIGN(auto dataset, open_dataset(context));
  return std::unique_ptr<Stage>(std::make_unique<DatasetStage>(context, std::move(dataset)));
}

void register_datasets(KindRegistry& kinds) {
  kinds.add_stage(
      file_contract("dataset.jsonl",
                    "questions from a file with one JSON object per line (also .gz, .zst)"),
      make_dataset);
  kinds.add_stage(
      file_contract("dataset.csv", "questions from a CSV file (also .gz, .zst)")
          .option("delimiter", OptionType::String, ",", "what stands between fields")
          .choices({",", ";", "|", ":", "tab"})
          .option("header", OptionType::Bool, true, "the first line names the columns")
          .list("columns", OptionType::String, List{}, "names of the columns, instead of a header"),
      make_dataset);
  kinds.add_stage(file_contract("dataset.parquet", "questions from a Parquet file"), make_dataset);
  kinds.add_stage(
      dataset_contract("dataset.arithmetic", "generated questions: What is a op b?")
          .option("low", OptionType::Integer, 1, "smallest number")
          .range(0, 1e9)
          .option("high", OptionType::Integer, 12, "largest number")
          .range(0, 1e9)
          .list("operators", OptionType::String, List{"+", "-", "*"},
                "- only where the result is not negative")
          .choices({"+", "-", "−", "*", "×"})
          .option("held_out_pairs", OptionType::Integer, 20,
                  "unordered pairs {a, b} that never occur in split train, under any operator")
          .range(0, 1e9)
          .option("split", OptionType::String, "train", "which pairs to use")
          .choices({"train", "held_out"})
          .option("split_seed", OptionType::Integer, 0, "chooses the held-out pairs")
          .range(0, 1e15),
      make_dataset);
}

void register_generator(KindRegistry& kinds) {
  kinds.add_stage(
      contract("generator")
          .doc("generates a group of completions for every prompt")
          .in("prompts", MessageType::Prompt)
          .in_latest("weights", MessageType::Weights)
          .out("samples", MessageType::Sample)
          .answers("texts", MessageType::TextRequest, MessageType::Text,
                   "generates one text for a caller, as the request says; not accounted")
          .admits()
          .uses_model("the model that generates")
          .option("group_size", OptionType::Integer, 8, "completions of one prompt")
          .range(1, 4096)
          .option("max_new_tokens", OptionType::Integer, 256, "limit of a completion")
          .range(1, 1 << 20)
          .option("temperature", OptionType::Real, 1.0, "0: greedy")
          .range(0.0, 100.0)
          .option("top_p", OptionType::Real, 1.0, "nucleus; 1: off")
          .range(0.0, 1.0)
          .option("top_k", OptionType::Integer, 0, "0: off")
          .range(0, 1 << 24)
          .list("stop", OptionType::String, List{}, "texts that end a completion")
          .option("max_sequences", OptionType::Integer, 128, "completions decoded together")
          .range(1, 65536)
          .option("max_refill", OptionType::Integer, 4,
                  "samples of a group generated anew after a verifier failed")
          .range(0, 65536),
      Generator::make);
}

void register_verifiers(KindRegistry& kinds) {
  kinds.add_verifier(contract("verifier.math")
                         .doc("1 when the completion's answer equals the gold answer, as numbers")
                         .option("extract", OptionType::String, "any", "where the answer stands")
                         .choices({"any", "boxed", "hash", "last_number", "answer_tag"}),
                     MathVerifier::make);
  kinds.add_verifier(contract("verifier.format")
                         .doc("1 when the completion has the form that the rule asks for")
                         .option("rule", OptionType::String, "think_answer", "which form")
                         .choices({"finished", "think_answer", "think_answer_inline", "tag_count",
                                   "or1_format", "boxed"}),
                     FormatVerifier::make);
}

void register_judge(KindRegistry& kinds) {
  kinds.add_stage(
      contract("verifier.judge")
          .doc("asks a model by call whether the response is right: 1 for correct, else 0")
          .in("samples", MessageType::Sample)
          .out("samples", MessageType::Sample)
          .calls("judge", MessageType::TextRequest, MessageType::Text, "asks for a judgement")
          .judges()
          .swappable()
          .option("prompt", OptionType::String,
                  "what it asks, with {question}, {answer} and {response} filled in; left out: "
                  "whether the response agrees with the answer")
          .option("template", OptionType::String, "chatml", "how the prompt becomes tokens")
          .choices({"chatml", "r1-zero", "none"})
          .option("system", OptionType::String, "system text, for templates that have one")
          .list("correct", OptionType::String, List{"correct"},
                "words that mean 1; the last word of either list decides")
          .list("incorrect", OptionType::String, List{"incorrect"}, "words that mean 0")
          .option("max_new_tokens", OptionType::Integer, 64, "limit of a judgement")
          .range(1, 1 << 20)
          .option("temperature", OptionType::Real, 0.0, "0: greedy")
          .range(0.0, 100.0)
          .option("response_max", OptionType::Integer, 16384,
                  "bytes of the response that are shown; of a longer one, its end")
          .range(1, 16 << 20)
          .option("workers", OptionType::Integer, 8, "samples judged at once")
          .range(1, 1024)
          .option("retries", OptionType::Integer, 2,
                  "asks again after a timeout, an error or an answer without a verdict")
          .range(0, 100),
      JudgeStage::make);
}

void register_evaluator(KindRegistry& kinds) {
  kinds.add_stage(
      contract("evaluator")
          .doc("measures the policy on held-out questions, beside the flow")
          .in_latest("weights", MessageType::Weights)
          .uses_model("the model whose weights it measures")
          .option("questions", OptionType::StageRef, "the dataset stage with the questions")
          .family("dataset")
          .required()
          .list("judges", OptionType::StageRef, "verifier stages; the first one gives the accuracy")
          .family("verifier")
          .required()
          .option("every", OptionType::Integer, 0, "steps between evaluations; 0: none between")
          .range(0, 1e9)
          .option("before", OptionType::Bool, true, "evaluate before the first step")
          .option("after", OptionType::Bool, true, "evaluate after the last step")
          .option("limit", OptionType::Integer, 0, "questions; 0: all")
          .range(0, 1e9)
          .option("max_new_tokens", OptionType::Integer, 256, "limit of a completion")
          .range(1, 1 << 20)
          .option("temperature", OptionType::Real, 0.0, "0: greedy")
          .range(0.0, 100.0)
          .option("max_sequences", OptionType::Integer, 64, "completions decoded together")
          .range(1, 65536),
      [verifiers =
           kinds.verifiers()](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
        StageContext data = context;
        data.stage = &context.plan->stage(context.option("questions").as_string());
        TROUPE_ASSIGN(auto questions, open_dataset(data));
        std::vector<Evaluator::Judge> judges;
        for (const std::string& name : context.option("judges").as_strings()) {
          StageContext judge = context;
          judge.stage = &context.plan->stage(name);
          const auto maker = verifiers->find(judge.stage->kind);
          if (maker == verifiers->end()) {
            return Error{ErrorCode::InvalidArgument,
                         "'" + name + "' (" + judge.stage->kind +
                             ") asks another stage and cannot judge inside an evaluator",
                         "Name verifiers in judges that need no calls"};
          }
          TROUPE_ASSIGN(auto verifier, maker->second(judge));
          judges.push_back({name, std::move(verifier)});
        }
        return Evaluator::make(context, std::move(questions), std::move(judges));
      });
}

}  // namespace

void register_kinds(KindRegistry& kinds) {
  register_datasets(kinds);
  register_generator(kinds);
  register_verifiers(kinds);
  register_judge(kinds);
  kinds.add_stage(
      contract("scorer.weighted")
          .doc("reward = sum of weight x score; a component without a score takes the reward away")
          .in("samples", MessageType::Sample)
          .out("samples", MessageType::Sample)
          .swappable()
          .option("weights", OptionType::StageWeights, "{ verifier = weight, ... }")
          .required()
          .list("optional", OptionType::String, List{}, "components that may be missing"),
      [](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
        return std::unique_ptr<Stage>(std::make_unique<WeightedScorer>(context));
      });
  kinds.add_stage(
      contract("filter.group")
          .doc("drops groups that teach nothing")
          .in("groups", MessageType::Group)
          .out("groups", MessageType::Group)
          .accounts_groups()
          .swappable()
          .option("drop_equal", OptionType::Bool, true, "drop groups whose rewards are all equal")
          .option("mean_min", OptionType::Real, "drop groups with a lower mean reward")
          .option("mean_max", OptionType::Real, "drop groups with a higher mean reward"),
      [](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
        return std::unique_ptr<Stage>(std::make_unique<GroupFilter>(context));
      });
  kinds.add_stage(grpo_contract(), GrpoLearner::make);
  register_evaluator(kinds);
  kinds.add_stage(contract("sink.jsonl")
                      .doc("writes samples to a file, one JSON object per line")
                      .in("samples", MessageType::Sample)
                      .option("path", OptionType::Path, "the file; lines are added to its end")
                      .required()
                      .leaves(),
                  JsonlSink::make);
}

}  // namespace troupe::stages
