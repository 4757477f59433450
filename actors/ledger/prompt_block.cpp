#include "actors/ledger/prompt_block.hpp"

#include <zlib.h>

#include "actors/ledger/little_endian.hpp"

namespace troupe::ledger {
namespace {

constexpr std::size_t kHeadBytes = 8 + 4 + 4 + 8 + 8 + 4 + 4 + 2 + 4;  // before a record's samples
constexpr std::size_t kSizeBytes = 4;                                  // before the whole block

void put_record(std::string& out, const PromptRecord& record) {
  const std::string samples = encode_samples(record);
  put(out, record.number);
  put(out, record.id.dataset);
  put(out, record.id.epoch);
  put(out, record.id.row);
  put(out, record.position);
  put(out, record.version.incarnation);
  put(out, record.version.step);
  put(out, record.group_size());
  put(out, static_cast<std::uint32_t>(samples.size()));
  out += samples;
}

std::optional<PromptRecord> take_record(std::string_view& bytes) {
  if (bytes.size() < kHeadBytes) return std::nullopt;
  PromptRecord record;
  record.number = take<std::uint64_t>(bytes);
  record.id.dataset = take<std::uint32_t>(bytes);
  record.id.epoch = take<std::uint32_t>(bytes);
  record.id.row = take<std::uint64_t>(bytes);
  record.position = take<std::uint64_t>(bytes);
  record.version.incarnation = take<std::uint32_t>(bytes);
  record.version.step = take<std::uint32_t>(bytes);
  const auto group_size = take<std::uint16_t>(bytes);
  const auto size = take<std::uint32_t>(bytes);
  if (bytes.size() < size || !decode_samples(bytes.substr(0, size), group_size, record))
    return std::nullopt;
  bytes.remove_prefix(size);
  return record;
}

}  // namespace

std::optional<std::string> encode_block(std::span<const PromptRecord> records) {
  std::string plain;
  for (const PromptRecord& record : records) put_record(plain, record);
  if (plain.size() > kBlockBytesMax) return std::nullopt;
  std::string out;
  put(out, static_cast<std::uint32_t>(plain.size()));
  uLongf size = compressBound(static_cast<uLong>(plain.size()));
  out.resize(kSizeBytes + size);
  const int code = compress2(reinterpret_cast<Bytef*>(out.data() + kSizeBytes), &size,
                             reinterpret_cast<const Bytef*>(plain.data()),
                             static_cast<uLong>(plain.size()), Z_BEST_SPEED);
  if (code != Z_OK) return std::nullopt;
  out.resize(kSizeBytes + size);
  return out;
}

std::optional<std::vector<PromptRecord>> decode_block(std::string_view bytes) {
  if (bytes.size() < kSizeBytes) return std::nullopt;
  const auto plain_size = take<std::uint32_t>(bytes);
  if (plain_size > kBlockBytesMax) return std::nullopt;
  std::string plain(plain_size, '\0');
  uLongf size = plain_size;
  const int code =
      uncompress(reinterpret_cast<Bytef*>(plain.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()));
  if (code != Z_OK || size != plain_size) return std::nullopt;
  std::vector<PromptRecord> records;
  for (std::string_view rest = plain; !rest.empty();) {
    auto record = take_record(rest);
    if (!record) return std::nullopt;
    records.push_back(std::move(*record));
  }
  return records;
}

}  // namespace troupe::ledger
