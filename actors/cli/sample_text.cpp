#include "actors/cli/sample_text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

namespace troupe::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kShortText = 800;  // bytes of a text in a list

std::string word(const json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : "";
}
std::uint64_t whole(const json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
std::optional<double> real(const json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string when(const json& line, const char* name) {
  const auto seconds = real(line, name);
  if (!seconds || *seconds < 0 || *seconds > 1e11) return "";
  const auto time = static_cast<std::time_t>(*seconds);
  std::tm parts{};
  if (localtime_r(&time, &parts) == nullptr) return "";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", parts);
}

std::string cut(std::string text, bool full) {
  if (full || text.size() <= kShortText) return text;
  std::size_t at = kShortText;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  const std::size_t left = text.size() - at;
  text.resize(at);
  return text + fmt::format(" ... ({} bytes more: --full)", left);
}

/// `name` in a column, every further line of the value below its first.
std::string row(std::string_view name, std::string_view value) {
  std::string out = fmt::format("  {:<12}", name);
  for (const char c : value) {
    out += c;
    if (c == '\n') out += "              ";
  }
  return out + "\n";
}

std::string end_text(const json& line) {
  std::string end = word(line, "end");
  if (end == "left_over") end = "left over";
  if (const auto step = whole(line, "step"); step > 0) end += fmt::format(" by step {}", step);
  if (const std::string reason = word(line, "reason"); !reason.empty()) end += ": " + reason;
  return end;
}

std::string verdict_text(const json& verdict, bool with_detail) {
  const std::string outcome = word(verdict, "outcome");
  const auto score = real(verdict, "score");
  std::string text = outcome == "scored" && score ? fmt::format("{:.6g}", *score) : outcome;
  if (const auto attempts = whole(verdict, "attempts"); attempts > 1)
    text += fmt::format(" after {} attempts", attempts);
  if (const std::string detail = word(verdict, "detail"); with_detail && !detail.empty())
    text += " (" + detail + ")";
  return text;
}

std::string verdicts_of(const json& line, bool with_detail, std::string_view between) {
  std::string text;
  const auto verdicts = line.find("verdicts");
  if (verdicts == line.end() || !verdicts->is_object()) return text;
  for (const auto& [name, verdict] : verdicts->items())
    if (verdict.is_object())
      text += (text.empty() ? "" : std::string(between)) + name + " " +
              verdict_text(verdict, with_detail);
  return text;
}

std::string reward_text(const json& line) {
  const auto reward = real(line, "reward");
  if (!reward) return "none";
  std::string text = fmt::format("{:.6g}", *reward), parts;
  const auto found = line.find("parts");
  if (found == line.end() || !found->is_object()) return text;
  for (const auto& [name, part] : found->items())
    parts += fmt::format("{}{:.6g} x {:.6g} ({})", parts.empty() ? " = " : " + ",
                         real(part, "score").value_or(0), real(part, "weight").value_or(0), name);
  return text + parts;
}

/// "12 tokens, ended by itself; weights of step 4 from token 0, of step 5 from token 7"
std::string generated_text(const json& line) {
  const std::string finish = word(line, "finish");
  std::string text = fmt::format("{} tokens, {}", whole(line, "tokens"),
                                 finish == "stop"     ? "ended by itself"
                                 : finish == "length" ? "cut at its limit"
                                                      : finish);
  const auto versions = line.find("versions");
  if (versions == line.end() || !versions->is_array()) return text;
  std::string spans;
  for (const json& span : *versions) {
    if (!span.is_array() || span.size() != 3) continue;
    spans += fmt::format("{} step {} from token {}", spans.empty() ? "; weights of" : ", of",
                         span[2].dump(), span[0].dump());
  }
  return text + spans;
}

std::string life_line(const json& line) {
  std::string out;
  std::string admitted = fmt::format("as number {}", whole(line, "admission"));
  if (line.contains("admitted_at"))
    admitted +=
        fmt::format(", while weights of step {} were the newest", whole(line, "admitted_at"));
  if (const std::string at = when(line, "admitted_seconds"); !at.empty()) admitted += ", " + at;
  out += row("admitted", admitted);
  if (line.contains("text") && !word(line, "finish").empty()) {
    out += row("generated", generated_text(line));
    out += row("text", shown(word(line, "text")));
  }
  if (const std::string verdicts = verdicts_of(line, true, "\n"); !verdicts.empty())
    out += row("verdicts", shown(verdicts));
  out += row("reward", reward_text(line));
  std::string end = end_text(line);
  if (const std::string at = when(line, "ended_seconds"); !at.empty()) end += ", " + at;
  return out + row("end", shown(end));
}

std::string ledger_text(const ledger::SampleLife& life) {
  if (!life.record || life.id.sibling >= life.record->group_size())
    return "has no record of it (it was made again from a checkpoint)";
  const ledger::SampleRecord& sample = life.record->current[life.id.sibling];
  std::string text = sample.end ? name_of(*sample.end) : "in flight";
  if (sample.step > 0) text += fmt::format(" by step {}", sample.step);
  if (!life.reason.empty()) text += ": " + life.reason;
  if (sample.attempt > 0) text += fmt::format("; attempt {}", sample.attempt);
  text += fmt::format("; admitted as number {} with weights of step {}", life.record->number,
                      life.record->version.step);
  return text;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F command terminals too: 0xc2 and a second byte.
    const bool high =
        c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if ((c < 0x20 && c != '\n') || c == 0x7f)
      out += fmt::format("\\x{:02x}", c);
    else if (high)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    else
      out += text[i];
  }
  return out;
}

std::string sample_text(const json& line, bool full) {
  std::string out = fmt::format("{}  {}", word(line, "id"), end_text(line));
  if (const auto reward = real(line, "reward")) out += fmt::format("  reward {:.6g}", *reward);
  out = shown(out) + "\n";
  out += row("question", shown(cut(word(line, "question"), full)));
  if (const std::string answer = word(line, "answer"); !answer.empty())
    out += row("answer", shown(cut(answer, full)));
  out += row("text", shown(cut(word(line, "text"), full)));
  if (const std::string verdicts = verdicts_of(line, full, ", "); !verdicts.empty())
    out += row("verdicts", shown(verdicts));
  return out;
}

std::string life_text(const ledger::SampleLife& life) {
  std::string out = "sample " + to_string(life.id) + "\n";
  if (!life.lines.empty()) {
    const json& last = life.lines.back();
    out += row("question", shown(word(last, "question")));
    if (const std::string answer = word(last, "answer"); !answer.empty())
      out += row("answer", shown(answer));
  }
  for (const json& line : life.lines) {
    if (life.lines.size() > 1)
      out += fmt::format("attempt {}, life {} of the run\n", whole(line, "attempt") + 1,
                         whole(line, "incarnation") + 1);
    out += life_line(line);
  }
  if (life.lines.empty())
    out += row("log", "nothing: it has not ended yet, or its part of the log was removed");
  out += row("ledger", shown(ledger_text(life)));
  for (const auto& use : life.uses)
    out += row("used", fmt::format("its group was in the batch of step {}{}", use.step,
                                   use.pass > 0 ? fmt::format(", pass {}", use.pass) : ""));
  if (!life.siblings.empty()) out += "group " + to_string(life.id.prompt) + "\n";
  for (const json& line : life.siblings) {
    const auto reward = real(line, "reward");
    out += row("/" + std::to_string(whole(line, "sibling")),
               shown(fmt::format("reward {}; {}", reward ? fmt::format("{:.6g}", *reward) : "none",
                                 end_text(line))));
  }
  return out;
}

json life_json(const ledger::SampleLife& life) {
  json out{{"id", to_string(life.id)}, {"lines", life.lines}, {"siblings", life.siblings}};
  json uses = json::array();
  for (const auto& use : life.uses)
    uses.push_back({{"step", use.step}, {"incarnation", use.incarnation}, {"pass", use.pass}});
  out["uses"] = std::move(uses);
  out["ledger"] = nullptr;
  if (!life.record || life.id.sibling >= life.record->group_size()) return out;
  const ledger::SampleRecord& sample = life.record->current[life.id.sibling];
  out["ledger"] = {{"end", sample.end ? json(ledger::key_of(*sample.end)) : json()},
                   {"reason", life.reason},
                   {"step", sample.step},
                   {"attempt", sample.attempt},
                   {"admission", life.record->number},
                   {"admitted_at", life.record->version.step}};
  return out;
}

}  // namespace troupe::cli
