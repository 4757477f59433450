#pragma once
// Value: what an option of a graph holds once its unit and type have been checked: a bool, a
// number, a text, a duration, a byte size, a count of items, a list or a table. A plain value,
// owned by whoever holds it, usable on any thread. The `as_*` accessors abort on the wrong type
// (the contract has already checked it); `get_if` asks.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/base/assert.hpp"
#include "schemas/base/clock.hpp"

namespace troupe::graphs {

struct ByteSize {
  std::uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

enum class CountUnit { Samples, Groups, Prompts, Steps };
/// "samples", "groups", "prompts", "steps".
std::string_view name_of(CountUnit unit);

struct Count {
  std::int64_t n = 0;
  CountUnit unit = CountUnit::Samples;
  bool operator==(const Count&) const = default;
};

class Value;
struct Field;
using List = std::vector<Value>;
using Table = std::vector<Field>;  // in the order of the file; names are unique

class Value {
 public:
  using Variant =
      std::variant<bool, std::int64_t, double, std::string, Duration, ByteSize, Count, List, Table>;

  Value() : data_(false) {}
  Value(bool v) : data_(v) {}
  Value(int v) : data_(std::int64_t{v}) {}
  Value(std::int64_t v) : data_(v) {}
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(ByteSize v) : data_(v) {}
  Value(Count v) : data_(v) {}
  Value(List v) : data_(std::move(v)) {}
  Value(Table v) : data_(std::move(v)) {}
  template <class Rep, class Period>
  Value(std::chrono::duration<Rep, Period> v) : data_(std::chrono::duration_cast<Duration>(v)) {}

  bool as_bool() const { return get<bool>(); }
  std::int64_t as_int() const { return get<std::int64_t>(); }
  /// An integer is accepted too.
  double as_real() const;
  const std::string& as_string() const { return get<std::string>(); }
  Duration as_duration() const { return get<Duration>(); }
  ByteSize as_bytes() const { return get<ByteSize>(); }
  Count as_count() const { return get<Count>(); }
  const List& as_list() const { return get<List>(); }
  const Table& as_table() const { return get<Table>(); }
  /// The elements of a list of texts.
  std::vector<std::string> as_strings() const;

  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  const T& get() const {
    const T* found = std::get_if<T>(&data_);
    TROUPE_ASSERT(found != nullptr, "option read as the wrong type; it is " + describe());
    return *found;
  }

  /// Calls `visitor` with what the value holds.
  template <class Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), data_);
  }
  /// As it would be written in a graph file: `"2s"`, `0.5`, `[1, 2]`, `{ a = 1.0 }`.
  std::string text() const;
  /// "an integer", "a duration", ...
  std::string describe() const;

  bool operator==(const Value& other) const;

 private:
  Variant data_;
};

struct Field {
  std::string name;
  Value value;
  bool operator==(const Field&) const = default;
};

/// Units as a graph writes them. nullopt: not of this form.
std::optional<Duration> parse_duration(std::string_view text);   // 500ms 2s 1.5s 3m 2h 10us 5ns
std::optional<ByteSize> parse_byte_size(std::string_view text);  // 512B 64KiB 64MiB 2GiB 10kB 5MB
std::optional<Count> parse_count(std::string_view text);         // "256 samples" "1 group"
std::string duration_text(Duration value);                       // the shortest exact form
std::string byte_size_text(ByteSize value);
std::string count_text(Count value);

}  // namespace troupe::graphs
