// SamplePattern: the only use of ICU's regular expressions in this folder.
#include <fmt/format.h>
#include <unicode/regex.h>

#include "actors/ledger/sample_query.hpp"

namespace troupe::ledger {
namespace {

// ICU backtracks: a pattern such as (a+)+$ takes for ever on some texts. The limits are in ICU's
// own units, about a millisecond each, and bytes.
constexpr std::int32_t kTimeMax = 500;
constexpr std::int32_t kStackMax = 8 << 20;

}  // namespace

struct SamplePattern::State {
  std::string option, written;
  std::unique_ptr<icu::RegexMatcher> matcher;
};

SamplePattern::SamplePattern(std::unique_ptr<State> state) : state_(std::move(state)) {}
SamplePattern::SamplePattern(SamplePattern&&) noexcept = default;
SamplePattern& SamplePattern::operator=(SamplePattern&&) noexcept = default;
SamplePattern::~SamplePattern() = default;

Result<SamplePattern> SamplePattern::make(std::string_view pattern, std::string_view option) {
  UErrorCode code = U_ZERO_ERROR;
  const auto text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(pattern.data(), static_cast<std::int32_t>(pattern.size())));
  auto state = std::make_unique<State>();
  state->option = option;
  state->written = pattern;
  state->matcher = std::make_unique<icu::RegexMatcher>(text, 0, code);
  if (U_SUCCESS(code)) state->matcher->setTimeLimit(kTimeMax, code);
  if (U_SUCCESS(code)) state->matcher->setStackLimit(kStackMax, code);
  if (U_FAILURE(code))
    return Error{
        ErrorCode::InvalidArgument,
        fmt::format("{} '{}' is no regular expression: {}", option, pattern, u_errorName(code)),
        "Put a backslash before signs that are meant as they are: ( ) [ ] { } + * ? . \\"};
  return SamplePattern(std::move(state));
}

Result<bool> SamplePattern::found_in(std::string_view text) const {
  const auto unicode = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  UErrorCode code = U_ZERO_ERROR;
  state_->matcher->reset(unicode);
  const bool found = state_->matcher->find(code);
  if (U_FAILURE(code))
    return Error{ErrorCode::InvalidArgument,
                 fmt::format("{} '{}' takes too long ({})", state_->option, state_->written,
                             u_errorName(code)),
                 "Write it without repetitions within repetitions, such as (a+)+"};
  return found;
}

}  // namespace troupe::ledger
