#include "actors/ledger/prompt_record.hpp"

#include <algorithm>

#include "actors/ledger/little_endian.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace {

constexpr std::uint8_t kInFlight = 255;
constexpr std::size_t kSampleBytes = 13;

void put_sample(std::string& out, std::uint16_t sibling, const SampleRecord& sample) {
  put(out, sibling);
  put(out, sample.attempt);
  put(out, sample.end ? static_cast<std::uint8_t>(*sample.end) : kInFlight);
  put(out, sample.reason);
  put(out, sample.step);
}

bool stands(const SampleRecord& sample, std::uint32_t checkpoint_step) {
  return sample.end == End::Delivered ||
         (sample.end == End::Trained && sample.step <= checkpoint_step);
}

bool undone(const SampleRecord& sample, std::uint32_t checkpoint_step) {
  return !sample.end || sample.end == End::LeftOver ||
         (sample.end == End::Trained && sample.step > checkpoint_step);
}

}  // namespace

std::uint32_t PromptRecord::in_flight() const {
  return static_cast<std::uint32_t>(std::count_if(
      current.begin(), current.end(), [](const SampleRecord& sample) { return !sample.end; }));
}

std::optional<End> PromptRecord::end() const {
  static constexpr End kByRank[] = {End::Trained,  End::Delivered,  End::LeftOver,
                                    End::Filtered, End::Unscorable, End::Failed};
  if (in_flight() > 0) return std::nullopt;
  for (End end : kByRank)
    for (const SampleRecord& sample : current)
      if (sample.end == end) return end;
  return std::nullopt;
}

void PromptRecord::count_into(Accounts& accounts) const {
  if (const auto prompt_end = end())
    ++accounts.prompts.of(*prompt_end);
  else
    ++accounts.prompts.in_flight;
  for (const SampleRecord& sample : current) {
    if (sample.end)
      ++accounts.samples.of(*sample.end);
    else
      ++accounts.samples.in_flight;
  }
  for (const auto& [sibling, sample] : earlier)
    if (sample.end) ++accounts.samples.of(*sample.end);
}

Reopening reopen(PromptRecord& record, std::uint32_t checkpoint_step) {
  Reopening result;
  for (const SampleRecord& sample : record.current) {
    if (!undone(sample, checkpoint_step)) continue;
    result.reopened = true;
    if (sample.end == End::Trained) ++result.undone;
  }
  if (!result.reopened) return result;
  const auto kept = [&](std::uint16_t sibling) {
    return stands(record.current[sibling], checkpoint_step);
  };
  std::erase_if(record.earlier, [&](const auto& entry) { return !kept(entry.first); });
  for (std::uint16_t sibling = 0; sibling < record.group_size(); ++sibling)
    if (!kept(sibling)) record.current[sibling] = SampleRecord{};
  return result;
}

bool take_back_left_over(PromptRecord& record) {
  bool any = false;
  for (SampleRecord& sample : record.current) {
    if (sample.end != End::LeftOver) continue;
    sample = SampleRecord{sample.attempt};
    any = true;
  }
  return any;
}

std::string encode_samples(const PromptRecord& record) {
  std::string out;
  out.reserve(record.samples() * kSampleBytes);
  for (std::uint16_t sibling = 0; sibling < record.group_size(); ++sibling)
    put_sample(out, sibling, record.current[sibling]);
  for (const auto& [sibling, sample] : record.earlier) put_sample(out, sibling, sample);
  return out;
}

bool decode_samples(std::string_view bytes, std::uint16_t group_size, PromptRecord& record) {
  if (bytes.size() % kSampleBytes != 0 || bytes.size() / kSampleBytes < group_size) return false;
  record.current.clear();
  record.earlier.clear();
  while (!bytes.empty()) {
    SampleRecord sample;
    const auto sibling = take<std::uint16_t>(bytes);
    sample.attempt = take<std::uint16_t>(bytes);
    const auto end = take<std::uint8_t>(bytes);
    sample.reason = take<std::uint32_t>(bytes);
    sample.step = take<std::uint32_t>(bytes);
    if (end != kInFlight && !(sample.end = end_from(end))) return false;
    if (record.current.size() < group_size) {
      if (sibling != record.current.size()) return false;
      record.current.push_back(sample);
    } else {
      if (sibling >= group_size || !sample.end) return false;
      record.earlier.emplace_back(sibling, sample);
    }
  }
  return true;
}

std::uint32_t checksum(const PromptRecord& record, std::string_view samples) {
  std::string fields;
  put(fields, record.number);
  put(fields, record.id.dataset);
  put(fields, record.id.epoch);
  put(fields, record.id.row);
  put(fields, record.position);
  put(fields, record.version.incarnation);
  put(fields, record.version.step);
  put(fields, record.group_size());
  return crc32c(samples, crc32c(std::string_view(fields)));
}

}  // namespace troupe::ledger
