#pragma once
// Text for JSON from bytes of any kind: what a model wrote may be no UTF-8 and very long. For this
// folder. Pure functions.
#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::ledger {

/// At most `limit` bytes of `text`, cut between characters; bytes that are no UTF-8 (also
/// surrogates and overlong forms) become U+FFFD.
std::string clean_utf8(std::string_view text, std::size_t limit);
/// Appends `text` as a JSON string with quotes, cleaned and cut as above; returns whether it was
/// cut. The output is ASCII only where the input is.
bool append_json_string(std::string& out, std::string_view text, std::size_t limit);
/// Appends a number that reads back exactly; null when it is not finite.
void append_json_number(std::string& out, double value);

}  // namespace troupe::ledger
