// [[test]] tables as written: their keys and the types of their values. What they mean for the
// graph is checked once there is a plan (check_tests.cpp).
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::size_t kMostSamples = 1024;     // as many as a group may have
constexpr std::int64_t kMostTokens = 1 << 20;  // of all samples of a test: 8 MiB

class TestReader {
 public:
  TestReader(Draft& draft, const RawNode& node) : draft_(draft), node_(node) {}

  void read() {
    test_.span = node_.span;
    for (const RawEntry& entry : node_.table) {
      if (entry.key == "name") {
        if (const std::string* name = text(entry)) test_.plan.name = *name;
        test_.span = entry.value.span;
      } else if (entry.key == "tolerance") {
        if (const auto number = number_of(entry.value); number && *number >= 0) {
          test_.plan.tolerance = *number;
        } else {
          wrong_type(entry, "a number, 0 or more");
        }
      } else if (entry.key == "send" && is_table(entry, "{ to = \"check\", text = \"...\" }")) {
        read_send(entry);
      } else if (entry.key == "expect" && is_table(entry, "{ reward = 1.0 }")) {
        read_expect(entry);
      } else if (entry.key != "send" && entry.key != "expect") {
        unknown(entry, {"name", "send", "expect", "tolerance"}, "a test");
      }
    }
    missing(node_, "name", "say what is tested: name = \"a wrong answer earns nothing\"");
    missing(node_, "send", "add send = { to = \"STAGE\", text = \"...\", answer = \"...\" }");
    missing(node_, "expect", "add expect = { reward = 1.0 }, or what a stage says of it");
    test_.plan.origin = draft_.origin_of(test_.span);
    if (!test_.plan.name.empty()) same_name();
    draft_.tests.push_back(std::move(test_));
  }

 private:
  void missing(const RawNode& table, std::string_view key, std::string help) {
    if (table.find(key)) return;
    draft_.findings
        .error(codes::kMissingKey, fmt::format("the test needs `{}`", key), test_.span,
               fmt::format("`{}` is missing", key))
        .help.push_back(std::move(help));
  }
  void unknown(const RawEntry& entry, const std::vector<std::string>& known, const char* owner) {
    draft_.findings
        .error(codes::kUnknownKey, fmt::format("{} has no key `{}`", owner, entry.key),
               entry.key_span, "unknown key")
        .help.push_back(name_help(entry.key, known, "its keys"));
  }
  void wrong_type(const RawEntry& entry, std::string_view expected) {
    draft_.findings.error(
        codes::kWrongType,
        fmt::format("`{}` is {}, not {}", entry.key, expected, entry.value.describe()),
        entry.value.span, fmt::format("expected {}", expected));
  }
  bool is_table(const RawEntry& entry, std::string_view example) {
    if (entry.value.type == RawNode::Type::Fields) return true;
    wrong_type(entry, fmt::format("a table such as {}", example));
    return false;
  }
  const std::string* text(const RawEntry& entry) {
    if (entry.value.type == RawNode::Type::String) return &entry.value.string;
    wrong_type(entry, "a text");
    return nullptr;
  }
  static std::optional<double> number_of(const RawNode& node) {
    if (node.type == RawNode::Type::Integer) return static_cast<double>(node.integer);
    if (node.type == RawNode::Type::Real && std::isfinite(node.real)) return node.real;
    return std::nullopt;
  }
  /// A value that stands for all samples, or a list with one for each.
  static std::vector<const RawNode*> items(const RawNode& node) {
    if (node.type != RawNode::Type::Array) return {&node};
    std::vector<const RawNode*> out;
    for (const RawNode& item : node.array) out.push_back(&item);
    return out;
  }

  void read_send(const RawEntry& send) {
    const RawNode& table = send.value;
    std::vector<TestSample>& samples = test_.plan.samples;
    if (const RawEntry* entry = table.find("text")) read_texts(*entry);
    for (const RawEntry& entry : table.table) {
      const std::map<std::string_view, std::string*> texts = {{"question", &test_.plan.question},
                                                              {"answer", &test_.plan.answer},
                                                              {"task", &test_.plan.task},
                                                              {"to", &test_.plan.to},
                                                              {"from", &test_.from}};
      if (const auto found = texts.find(entry.key); found != texts.end()) {
        if (const std::string* value = text(entry)) *found->second = *value;
        if (entry.key == "to") test_.to_span = entry.value.span;
        if (entry.key == "from") test_.from_span = entry.value.span;
      } else if (entry.key == "finished") {
        each(
            entry, samples.size(),
            [&](const RawNode& node, std::size_t i) {
              if (node.type != RawNode::Type::Bool) return false;
              samples[i].finished = node.boolean;
              return true;
            },
            "true or false");
      } else if (entry.key == "tokens") {
        each(
            entry, samples.size(),
            [&](const RawNode& node, std::size_t i) {
              const bool fits = node.type == RawNode::Type::Integer && node.integer >= 0 &&
                                node.integer <= kMostTokens;
              if (fits) samples[i].tokens = static_cast<std::uint32_t>(node.integer);
              return fits;
            },
            fmt::format("a number from 0 to {}", kMostTokens));
      } else if (entry.key != "text") {
        unknown(entry, {"to", "text", "answer", "question", "task", "finished", "tokens", "from"},
                "`send`");
      }
    }
    std::uint64_t tokens = 0;
    for (const TestSample& sample : samples) tokens += sample.tokens;
    if (tokens > static_cast<std::uint64_t>(kMostTokens)) {
      draft_.findings
          .error(codes::kTestSamples, fmt::format("the samples have {} tokens in all", tokens),
                 send.key_span, fmt::format("at most {}", kMostTokens))
          .help.push_back("a test is small: give fewer tokens, or fewer texts");
    }
    missing(table, "to", "name the stage that gets the sample: to = \"check_math\"");
    missing(table, "text", "add text = \"...\": what the model would have written");
  }

  void read_texts(const RawEntry& entry) {
    for (const RawNode* node : items(entry.value)) {
      if (node->type != RawNode::Type::String) return wrong_type(entry, "a text or a list of them");
      test_.plan.samples.push_back({node->string});
    }
    const std::size_t count = test_.plan.samples.size();
    if (count > 0 && count <= kMostSamples) return;
    draft_.findings
        .error(codes::kTestSamples,
               count == 0 ? std::string("the test sends nothing")
                          : fmt::format("a group of {} samples", count),
               entry.value.span, count == 0 ? "an empty list" : "too many")
        .help.push_back(
            fmt::format("send 1 to {} texts: they are the samples of one prompt", kMostSamples));
    test_.plan.samples.clear();
  }

  template <class Take>
  void each(const RawEntry& entry, std::size_t count, Take&& take, const std::string& expected) {
    const auto nodes = items(entry.value);
    if (entry.value.type == RawNode::Type::Array && !fits(entry, nodes.size(), count)) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (!take(*nodes[nodes.size() == 1 ? 0 : i], i)) return wrong_type(entry, expected);
    }
  }

  bool fits(const RawEntry& entry, std::size_t have, std::size_t count) {
    if (count == 0) return false;  // said of `text`
    if (have == count) return true;
    Diagnostic& found =
        draft_.findings.error(codes::kTestSamples,
                              fmt::format("`{}` has {} value{} for {} sample{}", entry.key, have,
                                          have == 1 ? "" : "s", count, count == 1 ? "" : "s"),
                              entry.value.span, "one for each, or one without [ ] for all");
    if (const RawEntry* send = node_.find("send")) {
      if (const RawEntry* texts = send->value.find("text")) {
        found.secondary.push_back({texts->value.span, "the samples"});
      }
    }
    found.help.push_back("a list has one value for each text that is sent, in their order");
    return false;
  }

  void read_expect(const RawEntry& expect) {
    if (expect.value.table.empty()) {
      draft_.findings
          .error(codes::kTestExpects, "the test expects nothing", expect.value.span,
                 "so it cannot fail")
          .help.push_back("expect a reward, a verdict (check_math = 0) or end = \"filtered\"");
    }
    for (const RawEntry& entry : expect.value.table) {
      DraftExpectation out;
      out.plan.what = entry.key;
      out.key_span = entry.key_span;
      const auto nodes = items(entry.value);
      std::size_t count = test_.plan.samples.size();
      if (const RawEntry* send = node_.find("send"); count == 0 && send) count = texts_in(*send);
      if (entry.value.type == RawNode::Type::Array && !fits(entry, nodes.size(), count)) continue;
      for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
        const RawNode& node = *nodes[nodes.size() == 1 ? 0 : i];
        if (const auto number = number_of(node)) {
          out.plan.values.emplace_back(*number);
        } else if (node.type == RawNode::Type::String) {
          out.plan.values.emplace_back(node.string);
        } else {
          wrong_type(entry, "a number or a text");
          break;
        }
        out.spans.push_back(node.span);
      }
      if (!out.plan.values.empty()) test_.expectations.push_back(std::move(out));
    }
  }
  /// `expect` may stand before `send`.
  static std::size_t texts_in(const RawEntry& send) {
    const RawEntry* text = send.value.find("text");
    return text ? items(text->value).size() : 0;
  }

  void same_name() {
    for (const DraftTest& other : draft_.tests) {
      if (other.plan.name != test_.plan.name) continue;
      Diagnostic& found = draft_.findings.error(
          codes::kTestTwice, fmt::format("two tests are named \"{}\"", other.plan.name), test_.span,
          "again here");
      found.secondary.push_back({other.span, "the first"});
      found.help.push_back("give one of them another name: reports and --only use it");
      return;
    }
  }

  Draft& draft_;
  const RawNode& node_;
  DraftTest test_;
};

}  // namespace

void read_tests(Draft& draft, const RawNode& root) {
  const RawEntry* section = root.find("test");
  if (!section) return;
  if (section->value.type == RawNode::Type::Array) {
    for (const RawNode& node : section->value.array) {
      if (node.type == RawNode::Type::Fields) {
        TestReader(draft, node).read();
      } else {
        draft.findings
            .error(codes::kWrongType, fmt::format("a test is a table, not {}", node.describe()),
                   node.span)
            .help.push_back("write [[test]] with its keys below");
      }
    }
    return;
  }
  draft.findings
      .error(codes::kWrongType, "tests are a list of tables", section->key_span,
             fmt::format("this is {}", section->value.describe()))
      .help.push_back("write [[test]], with two brackets, above each of them");
}

}  // namespace troupe::graphs
