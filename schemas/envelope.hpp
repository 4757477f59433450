#pragma once
// Envelope: what travels on an edge. The payload is an immutable, shared Cap'n Proto message, so
// locally only a pointer moves; routing fields stand beside it so that queues, joins and gates
// never open it. A value; safe to copy to any thread.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schemas/base/ids.hpp"

namespace troupe {

enum class MessageType : std::uint8_t { Prompt = 1, Sample, Group, Weights, Tombstone };

/// "prompt", "sample", "group", "weights", "tombstone".
const char* name_of(MessageType type);

/// Bytes of one Cap'n Proto message in flat form, aligned to words.
using Payload = std::shared_ptr<const std::vector<std::uint64_t>>;

inline constexpr std::uint16_t kSchemaVersion = 1;

struct Envelope {
  MessageType type = MessageType::Prompt;
  std::uint16_t schema_version = kSchemaVersion;
  bool whole_group = false;          // a tombstone that stands for every sample of the group
  bool observer = false;             // a copy on an edge that is not accounted
  SampleId sample;                   // .prompt is the group
  Version version;                   // of the group at admission; of the weights in an announcement
  std::uint32_t producer_epoch = 0;  // grows when the producer restarts
  std::uint64_t sequence = 0;        // per producer and edge, from 1
  std::uint64_t place = 0;  // of a prompt in its dataset's order over all epochs, from 1; 0: none
  Payload payload;

  std::uint64_t bytes() const { return payload ? payload->size() * sizeof(std::uint64_t) : 0; }
};

}  // namespace troupe
