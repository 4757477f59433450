#include "actors/stages/verifier/judge_stage.hpp"

#include <algorithm>

#include "schemas/messages.hpp"

namespace troupe::stages {
namespace {

// What a verdict keeps of the judge's words: enough to see why, beside every sample.
constexpr std::size_t kDetailBytes = 500;
// An unclear answer is asked for again with chance in it: greedily it would be the same again.
constexpr double kRetryTemperature = 0.7;

constexpr const char* kPrompt =
    "You are grading an answer to a question.\n\nQuestion:\n{question}\n\nReference answer:\n"
    "{answer}\n\nAnswer to be graded:\n{response}\n\nDoes the answer to be graded agree with the "
    "reference answer? End with one word: correct or incorrect.";

}  // namespace

Result<std::unique_ptr<runtime::Stage>> JudgeStage::make(const runtime::StageContext& context) {
  std::unique_ptr<JudgeStage> stage(new JudgeStage());
  stage->name_ = context.stage->name;
  stage->seed_ = derive_seed(context.seed(), task_key(stage->name_));
  stage->prompt_ = kPrompt;
  if (context.stage->has("prompt")) stage->prompt_ = context.option("prompt").as_string();
  if (stage->prompt_.find("{response}") == std::string::npos) {
    return Error{ErrorCode::InvalidArgument, "its prompt does not show the response to be judged",
                 "Write {response} where it belongs, and {question} and {answer} as needed"};
  }
  stage->needs_answer_ = stage->prompt_.find("{answer}") != std::string::npos;
  stage->words_ = {context.option("correct").as_strings(),
                   context.option("incorrect").as_strings()};
  for (const std::string& word : stage->words_.correct) {
    const auto& others = stage->words_.incorrect;
    if (std::find(others.begin(), others.end(), word) == others.end()) continue;
    return Error{ErrorCode::InvalidArgument, "'" + word + "' means both correct and incorrect",
                 "Remove it from one of the two lists"};
  }
  TextRequest& request = stage->request_;
  request.prompt_template = context.option("template").as_string();
  if (context.stage->has("system")) request.system = context.option("system").as_string();
  request.max_new_tokens = static_cast<std::uint32_t>(context.option("max_new_tokens").as_int());
  request.temperature = context.option("temperature").as_real();
  stage->workers_max_ = static_cast<std::size_t>(context.option("workers").as_int());
  stage->retries_ = static_cast<std::uint16_t>(context.option("retries").as_int());
  stage->response_max_ = static_cast<std::size_t>(context.option("response_max").as_int());
  return std::unique_ptr<runtime::Stage>(std::move(stage));
}

void JudgeStage::on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) {
  auto sample = decode_sample(envelope.payload);
  if (!sample.ok()) return out.end(envelope, End::Failed, sample.error().message, envelope.payload);
  Job job{std::move(envelope), std::move(*sample)};
  if (needs_answer_ && job.sample.prompt.answer.empty()) {
    Verdict verdict;
    verdict.outcome = Outcome::Unscorable;
    verdict.detail = "the task has no answer to compare with";
    return conclude(std::move(job), std::move(verdict), out);
  }
  ask(std::move(job), out);
}

void JudgeStage::ask(Job job, runtime::Outbox& out) {
  const Prompt& prompt = job.sample.prompt;
  TextRequest request = request_;
  request.question = fill_prompt(
      prompt_, {prompt.question, prompt.answer, end_of(job.sample.text, response_max_)});
  request.seed = derive_seed(sample_seed(seed_, job.sample.id), job.attempts);
  if (job.unclear) request.temperature = std::max(request.temperature, kRetryTemperature);
  ++job.attempts;
  const runtime::CallId call = out.ask(0, encode(request), job.sample.id);
  jobs_.emplace(call, std::move(job));
}

void JudgeStage::on_answer(runtime::CallId call, runtime::CallResult result, runtime::Outbox& out) {
  const auto it = jobs_.find(call);
  if (it == jobs_.end()) return;
  Job job = std::move(it->second);
  jobs_.erase(it);
  Verdict verdict;
  verdict.outcome = Outcome::InfraError;
  if (!result.ok()) {
    if (result.error().code == ErrorCode::Timeout) verdict.outcome = Outcome::Timeout;
    verdict.detail = result.error().message;
  } else if (const auto answer = decode_text_answer(result->payload); !answer.ok()) {
    verdict.detail = answer.error().message;
  } else {
    verdict.callees = {result->by};
    verdict.detail = end_of(answer->text, kDetailBytes);
    if (const auto correct = read_judgement(answer->text, words_)) {
      verdict.outcome = Outcome::Scored;
      verdict.score = *correct ? 1.0 : 0.0;
      return conclude(std::move(job), std::move(verdict), out);
    }
    job.unclear = true;
    verdict.detail = "no verdict in the judge's answer: " + verdict.detail;
  }
  if (job.attempts <= retries_) return ask(std::move(job), out);
  conclude(std::move(job), std::move(verdict), out);
}

void JudgeStage::conclude(Job job, Verdict verdict, runtime::Outbox& out) {
  verdict.component = name_;
  verdict.attempts = std::max<std::uint16_t>(job.attempts, 1);
  job.sample.verdicts.push_back(std::move(verdict));
  job.envelope.payload = encode(job.sample);
  out.send(0, std::move(job.envelope));
}

}  // namespace troupe::stages
