#pragma once
// Envelope: what travels on an edge. The payload is an immutable, shared Cap'n Proto message, so
// locally only a pointer moves; routing fields stand beside it so that queues, joins and gates
// never open it. A value; safe to copy to any thread.
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "schemas/base/ids.hpp"

namespace troupe {

enum class MessageType : std::uint8_t {
  Prompt = 1,
  Sample,
  Group,
  Weights,
  Tombstone,
  Request,  // a call: see TextRequest
  Answer
};

/// "prompt", "sample", "group", "weights", "tombstone", "request", "answer".
const char* name_of(MessageType type);

/// Bytes of one Cap'n Proto message in flat form, aligned to words.
using Payload = std::shared_ptr<const std::vector<std::uint64_t>>;

/// What routes choose by: the name of a task as one number, so that no router opens a payload. 64
/// bits of a good hash: of the tasks of one graph no two meet.
using TaskKey = std::uint64_t;
constexpr TaskKey task_key(std::string_view task) {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : task) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

inline constexpr std::uint16_t kSchemaVersion = 1;

struct Envelope {
  MessageType type = MessageType::Prompt;
  std::uint16_t schema_version = kSchemaVersion;
  bool whole_group = false;          // a tombstone that stands for every sample of the group
  bool observer = false;             // a copy on an edge that is not accounted
  SampleId sample;                   // .prompt is the group
  Version version;                   // of the group at admission; of the weights in an announcement
  TaskKey task = 0;                  // of the prompt behind it; 0: nobody's (weights)
  std::uint32_t producer_epoch = 0;  // grows when the producer restarts
  std::uint64_t sequence = 0;        // per producer and edge, from 1
  std::uint64_t place = 0;  // of a prompt in its dataset's order over all epochs, from 1; 0: none
  Payload payload;

  std::uint64_t bytes() const { return payload ? payload->size() * sizeof(std::uint64_t) : 0; }
};

}  // namespace troupe
