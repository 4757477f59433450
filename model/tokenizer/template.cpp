#include "model/tokenizer/template.hpp"

#include <algorithm>
#include <array>

namespace troupe::model {
namespace {

constexpr std::array<std::string_view, 3> kNames{"chatml", "r1-zero", "none"};

// The chat template of SmolLM2-Instruct inserts it when the conversation has no system message.
constexpr std::string_view kDefaultSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

// DeepSeek-R1 (2501.12948), Table 1, around the question.
constexpr std::string_view kR1ZeroBefore =
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves "
    "it. The assistant first thinks about the reasoning process in the mind and then provides the "
    "user with the answer. The reasoning process and answer are enclosed within <think>...</think> "
    "and <answer>...</answer> tags, respectively, i.e., <think> reasoning process here </think> "
    "<answer> answer here </answer>. User: ";
constexpr std::string_view kR1ZeroAfter = ". Assistant:";

Result<Token> control_token(const Tokenizer& tokenizer, std::string_view name) {
  const auto id = tokenizer.id_of(name);
  if (id && tokenizer.is_special(*id)) return *id;
  return Error{ErrorCode::Unsupported,
               "the template chatml needs the special token '" + std::string(name) +
                   "', which this model's tokenizer does not have",
               "Choose template = \"r1-zero\" or \"none\" for this model"};
}

void append(std::vector<Token>& out, const std::vector<Token>& more) {
  out.insert(out.end(), more.begin(), more.end());
}

Result<std::vector<Token>> chatml(const Tokenizer& tokenizer, std::string_view question,
                                  std::string_view system) {
  TROUPE_ASSIGN(const Token start, control_token(tokenizer, "<|im_start|>"));
  TROUPE_ASSIGN(const Token end, control_token(tokenizer, "<|im_end|>"));
  std::vector<Token> out;
  const auto message = [&](std::string_view role, std::string_view content) {
    out.push_back(start);
    // Role and content are one text: pieces may cross the line between them, as in the reference.
    append(out, tokenizer.encode(std::string(role) + "\n" + std::string(content)));
    out.push_back(end);
    append(out, tokenizer.encode("\n"));
  };
  if (!system.empty()) message("system", system);
  message("user", question);
  out.push_back(start);
  append(out, tokenizer.encode("assistant\n"));
  return out;
}

/// Text without control tokens, with bos in front where the model was trained so.
std::vector<Token> plain(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> out;
  if (tokenizer.adds_bos() && tokenizer.bos()) out.push_back(*tokenizer.bos());
  append(out, tokenizer.encode(text));
  return out;
}

}  // namespace

std::vector<std::string> template_names() { return {kNames.begin(), kNames.end()}; }

Result<void> check_template(std::string_view name) {
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return {};
  std::string known;
  for (const std::string_view each : kNames)
    known += (known.empty() ? "\"" : ", \"") + std::string(each) + "\"";
  return Error{ErrorCode::InvalidArgument,
               "there is no template '" + std::string(name) + "'", "Choose one of " + known};
}

Result<std::vector<Token>> encode_prompt(std::string_view name, const Tokenizer& tokenizer,
                                         std::string_view question,
                                         std::optional<std::string_view> system) {
  TROUPE_TRY(check_template(name));
  if (name == "chatml") return chatml(tokenizer, question, system.value_or(kDefaultSystem));
  if (system && !system->empty())
    return Error{ErrorCode::InvalidArgument,
                 "the template '" + std::string(name) + "' has no place for a system text",
                 "Remove the system text or choose template = \"chatml\""};
  if (name == "none") return plain(tokenizer, question);
  return plain(tokenizer,
               std::string(kR1ZeroBefore) + std::string(question) + std::string(kR1ZeroAfter));
}

Result<StopRule> stop_rule(std::string_view name, const Tokenizer& tokenizer) {
  TROUPE_TRY(check_template(name));
  StopRule rule;
  const auto add = [&](std::optional<Token> token) {
    if (token && std::find(rule.tokens.begin(), rule.tokens.end(), *token) == rule.tokens.end())
      rule.tokens.push_back(*token);
  };
  if (name == "chatml") {
    TROUPE_ASSIGN(const Token end, control_token(tokenizer, "<|im_end|>"));
    add(end);
    return rule;
  }
  add(tokenizer.eos());
  // A chat model that continues plain text ends with its turn's end or with the end of a document.
  for (const std::string_view end : {"<|im_end|>", "<|endoftext|>"})
    if (const auto id = tokenizer.id_of(end); id && tokenizer.is_special(*id)) add(id);
  if (name == "r1-zero") rule.strings.push_back("</answer>");
  return rule;
}

}  // namespace troupe::model
