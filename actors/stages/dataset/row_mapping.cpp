#include "actors/stages/dataset/row_mapping.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

namespace troupe::stages {
namespace {

using nlohmann::json;

// Fields that a message about a missing one lists.
constexpr std::size_t kNamesShown = 12;

// Values inside values; the library copies and writes them by recursion.
constexpr std::size_t kNestingMax = 200;

bool nested_too_deep(std::string_view text) {
  const auto opening = [](char c) { return c == '{' || c == '['; };
  if (std::count_if(text.begin(), text.end(), opening) <= static_cast<long>(kNestingMax))
    return false;
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (opening(c)) {
      if (++depth > kNestingMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Error unusable(std::string what) { return Error{ErrorCode::InvalidArgument, std::move(what), ""}; }

/// A value as text: numbers are taken as they are written.
std::optional<std::string> text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

bool is_conversation(const json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const json& message) {
           return message.is_object() && message.contains("role") && message.contains("content");
         });
}

/// Finds columns in one row and owns what it had to read on the way.
class Finder {
 public:
  explicit Finder(const json& row) : row_(row) {}

  /// Null when there is nothing of that name.
  const json* find(const std::string& path) {
    if (const auto it = row_.find(path); it != row_.end()) return it->is_null() ? nullptr : &*it;
    const json* at = &row_;
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      at = step(*at, path.substr(begin, end - begin));
      if (at == nullptr || at->is_null()) return nullptr;
      begin = end + 1;
    }
    return at;
  }

  /// A column as a conversation, if it is one, also as JSON in a text.
  const json* conversation(const json& value) {
    if (is_conversation(value)) return &value;
    if (!value.is_string()) return nullptr;
    const auto& text = value.get_ref<const std::string&>();
    if (!text.starts_with("[{")) return nullptr;
    const json* read = parsed(text);
    return read != nullptr && is_conversation(*read) ? read : nullptr;
  }

 private:
  const json* step(const json& value, const std::string& name) {
    if (value.is_object()) {
      const auto it = value.find(name);
      return it == value.end() ? nullptr : &*it;
    }
    if (value.is_array()) {
      const bool number =
          !name.empty() && name.size() < 8 &&
          std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!number) return nullptr;
      const std::size_t index = std::stoul(name);
      return index < value.size() ? &value[index] : nullptr;
    }
    if (!value.is_string()) return nullptr;
    const json* inside = parsed(value.get_ref<const std::string&>());
    return inside == nullptr || !inside->is_structured() ? nullptr : step(*inside, name);
  }
  const json* parsed(const std::string& text) {
    if (text.empty() || (text.front() != '{' && text.front() != '[')) return nullptr;
    read_.push_back(parse_row(text));
    return read_.back().is_discarded() ? nullptr : &read_.back();
  }
  const json& row_;
  std::deque<json> read_;  // addresses stay
};

std::string names_in(const json& row) {
  std::string names;
  std::size_t shown = 0;
  for (const auto& [name, value] : row.items()) {
    if (shown == kNamesShown) return names + ", ...";
    names += (names.empty() ? "" : ", ") + name;
    ++shown;
  }
  return names.empty() ? "none" : names;
}

Error missing(const json& row, const std::string& field) {
  return unusable("has no text in field '" + field + "' (its fields: " + names_in(row) + ")");
}

Error no_text(const json& value, const std::string& field) {
  if (value.is_object())
    return unusable("has an object in field '" + field + "': name one of its fields (" +
                    names_in(value) + ") as '" + field + ".NAME'");
  return unusable("has a list in field '" + field + "': name one of its elements as '" + field +
                  ".0'");
}

/// What a message says: a text, or parts of which all must be texts.
std::optional<std::string> content_of(const json& message) {
  const json& content = message["content"];
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return std::nullopt;
  std::string text;
  for (const json& part : content) {
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string())
      return std::nullopt;
    text += part["text"].get<std::string>();
  }
  return text;
}

struct Conversation {
  std::string system, question, answer;
};

Result<Conversation> read_conversation(const json& messages, const std::string& field) {
  Conversation out;
  int users = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const json& role = messages[i]["role"];
    const auto content = content_of(messages[i]);
    if (!content) return unusable("has a message that is no text in field '" + field + "'");
    if ((role == "system" || role == "developer") && i == 0) {
      out.system = *content;
    } else if (role == "user") {
      ++users;
      out.question = *content;
    } else if (role == "assistant" && i + 1 == messages.size() && users == 1) {
      out.answer = *content;
    } else {
      users = 2;
      break;
    }
  }
  if (users != 1)
    return unusable("has " + std::to_string(messages.size()) + " messages in field '" + field +
                    "' that are not: one of the system, if any, one of the user, one of the "
                    "assistant, if any");
  return out;
}

}  // namespace

json parse_row(std::string_view text) {
  if (nested_too_deep(text)) return json(json::value_t::discarded);
  return json::parse(text, nullptr, false);
}

Result<RowMapping> RowMapping::make(const runtime::StageContext& context) {
  RowMapping mapping;
  mapping.question_field_ = context.option("question_field").as_string();
  mapping.answer_field_ = context.option("answer_field").as_string();
  mapping.task_field_ = context.option("task_field").as_string();
  mapping.system_field_ = context.option("system_field").as_string();
  mapping.id_field_ = context.option("id_field").as_string();
  mapping.split_by_ = context.option("split_by").as_string();
  mapping.keep_ = context.option("keep").as_strings();
  const std::string& name = context.option("template").as_string();
  mapping.has_system_ = name == "chatml";
  if (!mapping.system_field_.empty() && !mapping.has_system_)
    return Error{ErrorCode::InvalidArgument,
                 "the template '" + name + "' has no place for the system text of 'system_field'",
                 "Remove system_field or choose template = \"chatml\""};
  TROUPE_TRY(mapping.read_format(context.option("question_format").as_string()));
  return mapping;
}

Result<void> RowMapping::read_format(const std::string& format) {
  const auto wrong = [](const char* what) {
    return Error{ErrorCode::InvalidArgument, std::string("question_format ") + what,
                 "Write columns as {name}, and {{ or }} for a brace"};
  };
  std::string text;
  const auto keep_text = [&] {
    if (!text.empty()) format_.push_back({std::move(text), false});
    text.clear();
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    const bool doubled = i + 1 < format.size() && format[i + 1] == c;
    if (c != '{' && c != '}') {
      text += c;
    } else if (doubled) {
      text += c;
      ++i;
    } else if (c == '}') {
      return wrong("has a } without {");
    } else {
      const std::size_t end = format.find('}', i);
      if (end == std::string::npos) return wrong("has a { without }");
      if (end == i + 1) return wrong("has {} without the name of a column");
      keep_text();
      format_.push_back({format.substr(i + 1, end - i - 1), true});
      i = end;
    }
  }
  keep_text();
  return {};
}

std::vector<std::string> RowMapping::columns() const {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  if (format_.empty()) add(question_field_);
  for (const Piece& piece : format_) {
    if (piece.column) add(piece.text);
  }
  for (const std::string* name :
       {&answer_field_, &task_field_, &system_field_, &id_field_, &split_by_})
    add(*name);
  for (const std::string& name : keep_) add(name);
  return out;
}

Result<std::string> RowMapping::question(const json& row, std::string& system) const {
  Finder finder(row);
  const auto column = [&](const std::string& field) -> Result<std::string> {
    const json* value = finder.find(field);
    if (value == nullptr) return missing(row, field);
    if (const json* messages = finder.conversation(*value)) {
      TROUPE_ASSIGN(Conversation read, read_conversation(*messages, field));
      if (has_system_) system = std::move(read.system);
      return std::move(read.question);
    }
    auto text = text_of(*value);
    if (!text) return no_text(*value, field);
    return std::move(*text);
  };
  if (format_.empty()) return column(question_field_);
  std::string out;
  for (const Piece& piece : format_) {
    if (!piece.column) {
      out += piece.text;
      continue;
    }
    TROUPE_ASSIGN(const std::string text, column(piece.text));
    out += text;
  }
  return out;
}

Result<DatasetRow> RowMapping::map(const json& row) const {
  if (!row.is_object()) return unusable("is not a JSON object");
  Finder finder(row);
  DatasetRow out;
  TROUPE_ASSIGN(out.question, question(row, out.system));
  if (out.question.find_first_not_of(" \t\r\n") == std::string::npos)
    return missing(row, format_.empty() ? question_field_ : "question_format");
  if (!answer_field_.empty()) {
    const json* value = finder.find(answer_field_);
    if (value == nullptr) return missing(row, answer_field_);
    if (const json* messages = finder.conversation(*value)) {
      TROUPE_ASSIGN(Conversation read, read_conversation(*messages, answer_field_));
      if (read.answer.empty())
        return unusable("has no message of the assistant in field '" + answer_field_ + "'");
      out.answer = std::move(read.answer);
    } else {
      auto text = text_of(*value);
      if (!text) return no_text(*value, answer_field_);
      out.answer = std::move(*text);
    }
  }
  const auto optional_text = [&](const std::string& field, std::string& to) -> Result<void> {
    const json* value = field.empty() ? nullptr : finder.find(field);
    if (value == nullptr) return {};  // the stage's own
    auto text = text_of(*value);
    if (!text) return no_text(*value, field);
    to = std::move(*text);
    return {};
  };
  TROUPE_TRY(optional_text(task_field_, out.task));
  TROUPE_TRY(optional_text(system_field_, out.system));
  json extra = json::object();
  if (const json* id = id_field_.empty() ? nullptr : finder.find(id_field_)) extra["id"] = *id;
  for (const std::string& name : keep_) {
    if (const json* value = finder.find(name)) extra[name] = *value;
  }
  if (!extra.empty()) out.extra = extra.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

Result<std::string> RowMapping::split_key(const json& row, const DatasetRow& mapped) const {
  if (split_by_.empty()) return mapped.question;
  Finder finder(row);
  const json* value = finder.find(split_by_);
  if (value == nullptr) return missing(row, split_by_);
  auto text = text_of(*value);
  if (!text) return no_text(*value, split_by_);
  return std::move(*text);
}

}  // namespace troupe::stages
