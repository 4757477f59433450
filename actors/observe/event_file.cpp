#include "actors/observe/event_file.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "schemas/base/crc32c.hpp"

namespace troupe::observe {
namespace {

constexpr std::uint64_t kMaxPayload = 16u << 20;

// Field numbers: Event{wall_time=1 double, step=2 int64, file_version=3 string, summary=5},
// Summary{value=1 repeated}, Summary.Value{tag=1 string, simple_value=2 float}.
enum Wire : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
void put_key(std::string& out, std::uint32_t field, Wire wire) {
  put_varint(out, (field << 3) | wire);
}
template <class T>
void put_little(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

template <class T>
T little(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

/// Walks the fields of one protobuf message; `ok` turns false at the first impossible byte.
struct Fields {
  std::string_view rest;
  bool ok = true;
  std::uint32_t number = 0;
  Wire wire = kVarint;
  std::uint64_t varint = 0;
  std::string_view bytes;

  bool take_varint(std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return ok = false;
  }
  bool take(std::uint64_t size) {
    if (size > rest.size()) return ok = false;
    bytes = rest.substr(0, size);
    rest.remove_prefix(size);
    return true;
  }
  bool next() {
    std::uint64_t key;
    if (rest.empty() || !take_varint(key)) return false;
    number = static_cast<std::uint32_t>(key >> 3);
    wire = static_cast<Wire>(key & 7);
    switch (wire) {
      case kVarint: return take_varint(varint);
      case kFixed64: return take(8);
      case kFixed32: return take(4);
      case kBytes: return take_varint(varint) && take(varint);
    }
    return ok = false;
  }
};

bool decode_value(std::string_view bytes, Event& event) {
  std::string tag;
  float value = 0;
  Fields fields{bytes};
  while (fields.next()) {
    if (fields.number == 1 && fields.wire == kBytes) tag = fields.bytes;
    if (fields.number == 2 && fields.wire == kFixed32)
      value = std::bit_cast<float>(little<std::uint32_t>(fields.bytes));
  }
  event.scalars[tag] = value;
  return fields.ok;
}

bool decode_event(std::string_view bytes, Event& event) {
  Fields fields{bytes};
  while (fields.next()) {
    if (fields.number == 1 && fields.wire == kFixed64)
      event.wall_seconds = std::bit_cast<double>(little<std::uint64_t>(fields.bytes));
    if (fields.number == 2 && fields.wire == kVarint)
      event.step = static_cast<std::int64_t>(fields.varint);
    if (fields.number == 3 && fields.wire == kBytes) event.file_version = fields.bytes;
    if (fields.number == 5 && fields.wire == kBytes) {
      Fields summary{fields.bytes};
      while (summary.next())
        if (summary.number == 1 && summary.wire == kBytes && !decode_value(summary.bytes, event))
          return false;
      if (!summary.ok) return false;
    }
  }
  return fields.ok;
}

Error corrupt(std::size_t offset, const char* what) {
  return {ErrorCode::Corrupt, fmt::format("event file is damaged at byte {}: {}", offset, what),
          "Delete the file: metrics.jsonl has the same numbers"};
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string encode_event(const Event& event) {
  std::string out;
  put_key(out, 1, kFixed64);
  put_little(out, std::bit_cast<std::uint64_t>(event.wall_seconds));
  if (event.step != 0) {  // protobuf leaves zeros out
    put_key(out, 2, kVarint);
    put_varint(out, static_cast<std::uint64_t>(event.step));
  }
  if (!event.file_version.empty()) put_bytes(out, 3, event.file_version);
  if (!event.scalars.empty()) {
    std::string summary;
    for (const auto& [tag, number] : event.scalars) {
      std::string value;
      put_bytes(value, 1, tag);
      put_key(value, 2, kFixed32);
      put_little(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
      put_bytes(summary, 1, value);
    }
    put_bytes(out, 5, summary);
  }
  return out;
}

std::string frame_record(std::string_view payload) {
  std::string out;
  put_little(out, std::uint64_t{payload.size()});
  put_little(out, masked_crc32c(out));
  out += payload;
  put_little(out, masked_crc32c(payload));
  return out;
}

std::string event_file_name(double wall_seconds, std::int64_t pid, unsigned number) {
  return fmt::format("events.out.tfevents.{:010}.troupe.{}.{}",
                     static_cast<std::int64_t>(wall_seconds), pid, number);
}

Result<DecodedEvents> decode_events(std::string_view file) {
  DecodedEvents decoded;
  std::size_t at = 0;
  while (at < file.size()) {
    const std::string_view rest = file.substr(at);
    if (rest.size() < 12) break;
    const auto size = little<std::uint64_t>(rest);
    if (little<std::uint32_t>(rest.substr(8)) != masked_crc32c(rest.substr(0, 8)))
      return corrupt(at, "wrong checksum of a length");
    if (size > kMaxPayload) return corrupt(at, "a record over 16 MiB");
    if (rest.size() < 16 + size) break;
    const std::string_view payload = rest.substr(12, size);
    if (little<std::uint32_t>(rest.substr(12 + size)) != masked_crc32c(payload))
      return corrupt(at, "wrong checksum of a record");
    Event event;
    if (!decode_event(payload, event)) return corrupt(at, "a record that is no event");
    at += 16 + size;
    decoded.events.push_back(std::move(event));
    decoded.ends.push_back(at);
  }
  decoded.torn = at < file.size();
  return decoded;
}

}  // namespace troupe::observe
