#include "graphs/flow.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "graphs/display.hpp"

namespace troupe::graphs {
namespace {

constexpr int kDeepest = 32;  // nested brackets: more than anybody can read, less than the stack
constexpr std::size_t kMostBranches = 256;  // of one bracket: what follows multiplies them
constexpr std::size_t kMostTasks = 256;     // of one route: every edge of it holds them

enum class TokenType {
  Name,
  Quoted,
  Arrow,
  Open,
  Close,
  RouteOpen,
  RouteClose,
  And,
  Or,
  Comma,
  Colon,
  End
};

struct Token {
  TokenType type = TokenType::End;
  std::size_t begin = 0, end = 0;
  Arrow arrow = Arrow::Queue;
};

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Lexer {
 public:
  Lexer(std::string_view text, const FlowPlaces& places, Findings& findings)
      : text_(text), places_(places), findings_(findings) {}

  std::vector<Token> run() {
    std::vector<Token> out;
    while (at_ < text_.size()) {
      if (const auto token = next()) out.push_back(*token);
    }
    out.push_back({TokenType::End, text_.size(), text_.size()});
    return out;
  }

 private:
  bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

  Token take(TokenType type, std::size_t length, Arrow arrow = Arrow::Queue) {
    const std::size_t begin = at_;
    at_ += length;
    return {type, begin, at_, arrow};
  }

  std::optional<Token> next() {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return ++at_, std::nullopt;
    if (starts("<->")) return take(TokenType::Arrow, 3, Arrow::Call);
    if (starts("->")) return take(TokenType::Arrow, 2, Arrow::Queue);
    if (starts("~>")) return take(TokenType::Arrow, 2, Arrow::Latest);
    switch (c) {
      case '(':
        return take(TokenType::Open, 1);
      case ')':
        return take(TokenType::Close, 1);
      case '[':
        return take(TokenType::RouteOpen, 1);
      case ']':
        return take(TokenType::RouteClose, 1);
      case '&':
        return take(TokenType::And, 1);
      case '|':
        return take(TokenType::Or, 1);
      case '\'': {
        const std::size_t close = text_.find('\'', at_ + 1);
        if (close == at_ + 1) return mistaken();
        if (close == std::string_view::npos) return unclosed_quote();
        return take(TokenType::Quoted, close + 1 - at_);
      }
      case ',':
        return take(TokenType::Comma, 1);
      case ':':
        return take(TokenType::Colon, 1);
      default:
        break;
    }
    if (is_name_byte(c)) {
      std::size_t end = at_;
      // A '-' belongs to the name unless it begins an arrow; a '.' names a port.
      while (end < text_.size() && (is_name_byte(text_[end]) || text_[end] == '.' ||
                                    (text_[end] == '-' && text_.substr(end, 2) != "->" &&
                                     text_.substr(end, 3) != "-->"))) {
        ++end;
      }
      return take(TokenType::Name, end - at_);
    }
    return mistaken();
  }

  /// Taken for a task up to the colon, so that the rest of the line can be read.
  std::optional<Token> unclosed_quote() {
    const std::size_t end = std::min(text_.find(':', at_), text_.size());
    findings_
        .error(codes::kUnbalanced, "this `'` is never closed", places_.span(at_, at_ + 1),
               "a task in quotes begins here")
        .help.push_back("write `'` behind the task: ['grade school': a, else: b]");
    return take(TokenType::Quoted, end - at_);
  }

  /// What people write for an arrow becomes the arrow they meant.
  std::optional<Token> mistaken() {
    struct Meant {
      std::string_view written, meant;
      Arrow arrow;
    };
    static constexpr Meant kMeant[] = {{"-->", "->", Arrow::Queue}, {"=>", "->", Arrow::Queue},
                                       {"→", "->", Arrow::Queue},   {"~~>", "~>", Arrow::Latest},
                                       {"<~>", "<->", Arrow::Call}, {">", "->", Arrow::Queue},
                                       {"~", "~>", Arrow::Latest},  {"-", "->", Arrow::Queue}};
    for (const Meant& meant : kMeant) {
      if (!starts(meant.written)) continue;
      const Token token = take(TokenType::Arrow, meant.written.size(), meant.arrow);
      findings_
          .error(codes::kUnexpectedCharacter, fmt::format("`{}` is no arrow", meant.written),
                 places_.span(token.begin, token.end))
          .help.push_back(fmt::format("write `{}`", meant.meant));
      return token;
    }
    std::size_t end = at_;
    next_code_point(text_, end);
    const std::string written = display_line(text_.substr(at_, end - at_)).text;
    Diagnostic& found = findings_.error(codes::kUnexpectedCharacter,
                                        fmt::format("`{}` has no meaning in a flow", written),
                                        places_.span(at_, end));
    if (text_[at_] == '+') {
      found.help.push_back("stages side by side are written (a & b)");
    } else if (text_[at_] == ';') {
      found.help.push_back("every line of the flow is a text of its own in the list");
    } else if (text_[at_] == '\'') {
      found.help.push_back("only the tasks of a route may be quoted: ['grade school': a, else: b]");
    } else {
      found.help.push_back(
          "a flow has names, `->`, `~>`, `<->`, `( & )`, `[task: stage, else: stage]` and "
          "`stage.port`");
    }
    at_ = end;
    return std::nullopt;
  }

  std::string_view text_;
  const FlowPlaces& places_;
  Findings& findings_;
  std::size_t at_ = 0;
};

class Parser {
 public:
  Parser(std::string_view text, const FlowPlaces& places, Findings& findings)
      : text_(text), places_(places), findings_(findings) {
    tokens_ = Lexer(text, places, findings).run();
  }

  FlowChain run() {
    if (peek().type == TokenType::End) return {};  // the caller knows better what is missing
    FlowChain out = chain();
    while (peek().type != TokenType::End && !gave_up_) {
      const Token token = peek();
      unexpected(token);
      ++next_;
      // Whatever follows is read too, for the sake of further mistakes.
      if (starts_node(peek())) append(out, chain());
    }
    return out;
  }

 private:
  const Token& peek() const { return tokens_[next_]; }
  Span span(const Token& token) const {
    return places_.span(token.begin, std::max(token.end, token.begin));
  }
  std::string text_of_token(const Token& token) const {
    return std::string(text_.substr(token.begin, token.end - token.begin));
  }
  static bool starts_node(const Token& token) {
    return token.type == TokenType::Name || token.type == TokenType::Open ||
           token.type == TokenType::RouteOpen;
  }

  void unexpected(const Token& token) {
    const std::string text = text_of_token(token);
    if (token.type == TokenType::Close || token.type == TokenType::RouteClose) {
      findings_
          .error(codes::kUnbalanced, fmt::format("this `{}` closes nothing", text), span(token))
          .help.push_back(fmt::format("remove it, or open with `{}` where the branches begin",
                                      token.type == TokenType::Close ? "(" : "["));
    } else if (token.type == TokenType::And) {
      findings_.error(codes::kUnbalanced, "`&` stands between branches, inside `( )`", span(token))
          .help.push_back("write (a & b) around the branches");
    } else if (token.type == TokenType::Or) {
      misplaced_or(token);
    } else if (token.type == TokenType::Comma || token.type == TokenType::Colon) {
      findings_
          .error(codes::kUnbalanced, fmt::format("`{}` belongs to a route, inside `[ ]`", text),
                 span(token))
          .help.push_back("write [math: a, code: b, else: c] around the branches");
    } else if (token.type == TokenType::Quoted) {
      findings_
          .error(codes::kExpectedArrow, fmt::format("{} does not belong here", text), span(token),
                 "a text in quotes")
          .help.push_back("stages are named without quotes; only tasks of a route may be quoted");
    } else {
      findings_.error(codes::kExpectedArrow, fmt::format("`{}` does not belong here", text),
                      span(token), "expected an arrow or the end of the line");
    }
  }

  void misplaced_or(const Token& token) {
    findings_
        .error(codes::kUnexpectedCharacter, "`|` stands between the tasks of a branch only",
               span(token), "no tasks here")
        .help.push_back(
            "stages that all see every sample are written (a & b); one of several by task is "
            "[math: a, else: b]");
  }

  static void append(FlowChain& to, FlowChain from) {
    if (from.nodes.empty()) return;
    if (!to.nodes.empty()) to.arrows.push_back({Arrow::Queue, from.nodes.front().span});
    to.nodes.insert(to.nodes.end(), from.nodes.begin(), from.nodes.end());
    to.arrows.insert(to.arrows.end(), from.arrows.begin(), from.arrows.end());
  }

  FlowChain chain() {
    FlowChain out;
    std::optional<FlowNode> first = node();
    if (first) out.nodes.push_back(std::move(*first));
    while (!gave_up_) {
      const Token token = peek();
      FlowArrow arrow{Arrow::Queue, span(token)};
      if (token.type == TokenType::Arrow) {
        arrow.arrow = token.arrow;
        ++next_;
      } else if (starts_node(token)) {
        findings_
            .error(codes::kExpectedArrow, "an arrow is missing between two stages", span(token),
                   "expected an arrow before this")
            .help.push_back("write `->` for a queue, `~>` for the latest value, `<->` for calls");
      } else {
        break;
      }
      std::optional<FlowNode> following = node();
      if (!following) continue;
      if (!out.nodes.empty()) out.arrows.push_back(arrow);
      out.nodes.push_back(std::move(*following));
    }
    return out;
  }

  std::optional<FlowNode> node() {
    const Token token = peek();
    if (token.type == TokenType::Name) {
      ++next_;
      return reference(token);
    }
    if (token.type == TokenType::Open) return bracket(FlowNode::Type::All);
    if (token.type == TokenType::RouteOpen) return bracket(FlowNode::Type::Route);
    Span at = span(token);
    if (token.type == TokenType::End) {
      // Point behind the last thing that was written.
      const std::size_t last = next_ > 0 ? tokens_[next_ - 1].begin : 0;
      at = places_.span(last, next_ > 0 ? tokens_[next_ - 1].end : text_.size());
      findings_.error(codes::kExpectedStage, "the line ends where a stage is expected", at,
                      "a stage must follow this");
      return std::nullopt;
    }
    findings_.error(codes::kExpectedStage,
                    fmt::format("`{}` where a stage is expected", text_of_token(token)), at,
                    "expected the name of a stage, or `(`");
    // An arrow after an arrow is passed over by chain(); brackets and `&` end it.
    return std::nullopt;
  }

  std::optional<FlowNode> reference(const Token& token) {
    const std::string_view text = text_.substr(token.begin, token.end - token.begin);
    FlowNode out;
    out.span = out.ref.span = span(token);
    const std::size_t dot = text.find('.');
    out.ref.stage = text.substr(0, dot);
    const std::size_t stage_end = token.begin + out.ref.stage.size();
    out.ref.stage_span = places_.span(token.begin, stage_end);
    if (dot != std::string_view::npos) {
      out.ref.port = text.substr(dot + 1);
      out.ref.port_span = places_.span(stage_end + 1, token.end);
      if (out.ref.port.empty() || out.ref.port.find('.') != std::string::npos) {
        findings_.error(codes::kExpectedStage, fmt::format("`{}` is no stage and port", text),
                        out.span, "written `stage` or `stage.port`");
        out.ref.port.clear();
      }
    }
    return out;
  }

  std::optional<FlowNode> bracket(FlowNode::Type type) {
    const Token open = peek();
    ++next_;
    const bool route = type == FlowNode::Type::Route;
    const TokenType close = route ? TokenType::RouteClose : TokenType::Close;
    const TokenType separator = route ? TokenType::Comma : TokenType::And;
    FlowNode out;
    out.type = type;
    if (++depth_ > kDeepest) {
      findings_.error(codes::kTooDeep, fmt::format("brackets nested more than {} deep", kDeepest),
                      span(open));
      gave_up_ = true;
      return std::nullopt;
    }
    std::size_t tasks = 0;
    while (!gave_up_) {
      FlowBranch branch;
      if (route) label(branch, tasks);
      branch.chain = chain();
      if (!branch.chain.nodes.empty()) out.branches.push_back(std::move(branch));
      if (out.branches.size() > kMostBranches) {
        findings_
            .error(codes::kTooMany, fmt::format("more than {} branches", kMostBranches), span(open))
            .help.push_back("put a stage between some of them");
        gave_up_ = true;
      }
      if (peek().type != separator && !other_separator(route)) break;
      ++next_;
    }
    --depth_;
    if (gave_up_) return std::nullopt;
    if (peek().type == close) {
      out.span = places_.span(open.begin, peek().end);
      ++next_;
    } else {
      out.span = places_.span(open.begin, peek().begin);
      const bool ended = peek().type == TokenType::End;
      Diagnostic& found = findings_.error(
          codes::kUnbalanced, fmt::format("this `{}` is never closed", route ? '[' : '('),
          span(open), ended ? "" : "opened here");
      if (!ended) found.secondary.push_back({span(peek()), "before this"});
      found.help.push_back(fmt::format("write `{}` after the last branch", route ? ']' : ')'));
      if (!ended) ++next_;
    }
    if (out.branches.empty()) return std::nullopt;
    return out;
  }

  /// A separator of the other kind of bracket; told, and taken for the right one.
  bool other_separator(bool route) {
    const Token token = peek();
    if (token.type == TokenType::Or) return misplaced_or(token), true;
    if (token.type != (route ? TokenType::And : TokenType::Comma)) return false;
    if (route) {
      findings_
          .error(codes::kUnbalanced, "the branches of `[ ]` are separated by `,`", span(token),
                 "write `,` here")
          .help.push_back(
              "a sample goes down one of them; stages that all see it are a branch of their own: "
              "[math: (a & b), else: c]");
    } else {
      findings_
          .error(codes::kUnbalanced, "the branches of `( )` are separated by `&`", span(token),
                 "write `&` here")
          .help.push_back("a sample goes down all of them; one of several is [math: a, else: b]");
    }
    return true;
  }

  /// Whether tasks and a colon follow.
  bool at_label() const {
    for (std::size_t i = next_;; ++i) {
      const TokenType type = tokens_[i].type;
      if (type == TokenType::Colon) return i > next_;
      if (type != TokenType::Name && type != TokenType::Quoted && type != TokenType::Or) {
        return false;
      }
      if (i > next_ && type != TokenType::Or && tokens_[i - 1].type != TokenType::Or) return false;
    }
  }

  void label(FlowBranch& branch, std::size_t& tasks) {
    const Token first = peek();
    if (!at_label()) {
      Diagnostic& found = findings_.error(codes::kExpectedStage,
                                          "a branch of `[ ]` begins with the tasks that it takes",
                                          span(first), "expected `task: stage` or `else: stage`");
      found.help.push_back(
          "write [math: a, code | sql: b, else: c]; stages that all see every sample are (a & b)");
      return;
    }
    std::optional<Token> otherwise;
    while (peek().type != TokenType::Colon) {
      const Token token = tokens_[next_++];
      if (token.type == TokenType::Or) continue;
      std::string name = text_of_token(token);
      if (token.type == TokenType::Quoted) name = name.substr(1, name.size() - 2);
      if (token.type == TokenType::Name && name == "else") {
        otherwise = token;
        branch.otherwise = true;
      } else if (++tasks <= kMostTasks) {
        branch.tasks.push_back({std::move(name), span(token)});
      } else if (!gave_up_) {
        findings_
            .error(codes::kTooMany, fmt::format("more than {} tasks in one route", kMostTasks),
                   span(first))
            .help.push_back("take `else` for all the tasks that no other branch names");
        gave_up_ = true;
      }
    }
    branch.label_span = places_.span(first.begin, tokens_[next_ - 1].end);
    ++next_;
    if (otherwise && !branch.tasks.empty()) {
      findings_
          .error(codes::kExpectedStage, "`else` stands alone", span(*otherwise),
                 "takes every task that no other branch names")
          .help.push_back("remove the other tasks of this branch, or `else`");
      branch.tasks.clear();
    }
  }

  std::string_view text_;
  const FlowPlaces& places_;
  Findings& findings_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;
  bool gave_up_ = false;
};

std::string text_of_label(const FlowBranch& branch) {
  if (branch.otherwise) return "else";
  std::string out;
  for (const FlowTask& task : branch.tasks) {
    const bool plain = task.name != "else" && is_name_byte(task.name.front()) &&
                       std::all_of(task.name.begin(), task.name.end(),
                                   [](char c) { return is_name_byte(c) || c == '-' || c == '.'; });
    out += (out.empty() ? "" : " | ") +
           (plain && task.name.back() != '-' ? task.name : "'" + task.name + "'");
  }
  return out;
}

}  // namespace

std::string_view text_of(Arrow arrow) {
  switch (arrow) {
    case Arrow::Queue:
      return "->";
    case Arrow::Latest:
      return "~>";
    case Arrow::Call:
      return "<->";
  }
  return "";
}

Span FlowPlaces::span(std::size_t begin, std::size_t end) const {
  if (map_.empty()) return whole_;
  const std::size_t last = map_.size() - 1;
  Span out{whole_.source, map_[std::min(begin, last)], map_[std::min(end, last)]};
  if (out.end <= out.begin) out.end = out.begin + 1;
  return out;
}

FlowChain parse_flow(std::string_view text, const FlowPlaces& places, Findings& findings) {
  return Parser(text, places, findings).run();
}

std::string text_of(const FlowChain& chain) {
  std::string out;
  for (std::size_t i = 0; i < chain.nodes.size(); ++i) {
    if (i > 0) out += fmt::format(" {} ", text_of(chain.arrows[i - 1].arrow));
    const FlowNode& node = chain.nodes[i];
    if (node.type == FlowNode::Type::Ref) {
      out += node.ref.stage;
      if (!node.ref.port.empty()) out += '.' + node.ref.port;
      continue;
    }
    const bool route = node.type == FlowNode::Type::Route;
    out += route ? '[' : '(';
    for (std::size_t b = 0; b < node.branches.size(); ++b) {
      if (b > 0) out += route ? ", " : " & ";
      if (route) out += text_of_label(node.branches[b]) + ": ";
      out += text_of(node.branches[b].chain);
    }
    out += route ? ']' : ')';
  }
  return out;
}

bool is_stage_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest) return false;
  if (name.front() == '-' || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_name_byte(c) || c == '-'; }) &&
         name.back() != '-' && name != "else";
}

}  // namespace troupe::graphs
