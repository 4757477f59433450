#pragma once
// TensorBoard's event files: TFRecord frames (length, masked CRC-32C of the length, bytes, masked
// CRC-32C of the bytes) around `Event` protobufs with scalar summaries. Formats: tensorflow,
// tsl/lib/io/record_writer.h, tsl/lib/hash/crc32c.h (mask), core/util/event.proto and
// core/framework/summary.proto. Pure functions; any thread. Decoding takes untrusted bytes.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::observe {

struct Event {
  double wall_seconds = 0;
  std::int64_t step = 0;
  std::string file_version;               // first event of a file: "brain.Event:2"
  std::map<std::string, double> scalars;  // stored as float
};

/// CRC-32C rotated and offset as TFRecord wants it.
std::uint32_t masked_crc32c(std::string_view bytes);
std::string encode_event(const Event& event);
std::string frame_record(std::string_view payload);
/// The name of a new file, as TensorBoard looks for it; `number` keeps two of one second apart.
std::string event_file_name(double wall_seconds, std::int64_t pid, unsigned number);

struct DecodedEvents {
  std::vector<Event> events;
  std::vector<std::size_t> ends;  // byte offset behind each event
  bool torn = false;              // bytes after the last whole record
};
/// Corrupt: a checksum is wrong, or a payload is no Event. Payloads over 16 MiB are refused.
Result<DecodedEvents> decode_events(std::string_view file);

}  // namespace troupe::observe
