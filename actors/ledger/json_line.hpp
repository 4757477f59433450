#pragma once
// JsonLine: the members of one JSON object in one line, found without parsing what they hold: a
// query of a large sample log looks at three of them and skips the rest. Values are views into the
// line. What is no object, or ends in the middle, gives nothing; what is inside of a value is not
// checked. Pure; any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::ledger {

class JsonLine {
 public:
  static std::optional<JsonLine> scan(std::string_view line);

  /// The value as written ("0.5", "\"text\"", "{...}"); nothing when there is no such member.
  std::optional<std::string_view> raw(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<std::uint64_t> integer(std::string_view name) const;
  /// Of a string, with its escapes undone.
  std::optional<std::string> text(std::string_view name) const;
  /// The bytes between the quotes of a string that has no escapes in it (ids, keys).
  std::optional<std::string_view> plain(std::string_view name) const;
  std::optional<JsonLine> object(std::string_view name) const;
  /// Keys as written, without their quotes.
  const std::vector<std::pair<std::string_view, std::string_view>>& members() const {
    return members_;
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> members_;
};

}  // namespace troupe::ledger
