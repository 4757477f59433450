#pragma once
// PromptRecord: all that the ledger knows of one prompt and its samples, its transitions, and its
// form as bytes. For this folder; values, pure functions, any thread. Decoding takes bytes from a
// disk that may have damaged them: the caller checks the checksum, decode checks the structure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/ledger/accounts.hpp"
#include "schemas/base/ids.hpp"

namespace troupe::ledger {

struct SampleRecord {
  std::uint16_t attempt = 0;
  std::optional<End> end;    // nothing: in flight
  std::uint32_t reason = 0;  // index into the reasons of the ledger
  std::uint32_t step = 0;    // that trained it
  bool operator==(const SampleRecord&) const = default;
};

struct PromptRecord {
  PromptId id;
  std::uint64_t number = 0;    // of admission
  std::uint64_t position = 0;  // among the first admissions of its dataset
  Version version;             // at admission
  std::vector<SampleRecord> current;                             // by sibling
  std::vector<std::pair<std::uint16_t, SampleRecord>> earlier;   // refilled attempts, by sibling
  bool operator==(const PromptRecord&) const = default;

  std::uint16_t group_size() const { return static_cast<std::uint16_t>(current.size()); }
  std::uint32_t in_flight() const;
  /// The end of the prompt (accounts.hpp says which); nothing while a sample is in flight.
  std::optional<End> end() const;
  /// Adds this prompt and its samples to the ends and to what is in flight, not to `admitted`.
  void count_into(Accounts& accounts) const;
  std::uint64_t samples() const { return current.size() + earlier.size(); }
};

struct Reopening {
  bool reopened = false;
  std::uint64_t undone = 0;  // samples trained by steps after the checkpoint
};
/// Undoes what the checkpoint of `step` does not contain. A prompt of which anything is in flight,
/// left over or trained later is done again: siblings that were trained by then or delivered are
/// kept, all others start over with attempt 0, because the group is made again from other weights.
Reopening reopen(PromptRecord& record, std::uint32_t checkpoint_step);

/// Samples that were left over, because the life before ended, are in flight again, at the same
/// attempt. Whether there were any.
bool take_back_left_over(PromptRecord& record);

/// The samples as bytes (13 for each).
std::string encode_samples(const PromptRecord& record);
/// False when the bytes cannot be what encode_samples made.
bool decode_samples(std::string_view bytes, std::uint16_t group_size, PromptRecord& record);
/// CRC-32C over every field of the record, `samples` being encode_samples of it.
std::uint32_t checksum(const PromptRecord& record, std::string_view samples);

}  // namespace troupe::ledger
