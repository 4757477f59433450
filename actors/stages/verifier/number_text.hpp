#pragma once
// The pieces that reading one number (parse_number.cpp) and finding numbers in prose (answer.cpp)
// share: characters, LaTeX fractions, and the clean-up of LaTeX and Unicode. Pure functions.
#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::stages {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trimmed(std::string_view text);
/// Without spaces, emphasis, quotes and the punctuation that ends a sentence, at both ends.
std::string_view bare(std::string_view text);

/// Length of \frac, \dfrac, \tfrac or \cfrac at `at`, or 0.
std::size_t fraction_command(std::string_view text, std::size_t at);
/// Position after a LaTeX argument (a digit or a balanced group of at most 128 bytes) at `at`,
/// or npos.
std::size_t argument_end(std::string_view text, std::size_t at);

/// LaTeX spacing, wrappers, dollars and degrees, Unicode spaces and minus signs in plain
/// characters; \text{...} and its kin keep their content between spaces.
std::string plain(std::string_view text);

/// Whether a word (or one letter, or two) after a number is a unit and does not change its value.
bool is_unit(std::string_view word);
/// Words that change or multiply a value, or join several: a number beside one is not the answer.
bool is_operator_word(std::string_view word);

}  // namespace troupe::stages
