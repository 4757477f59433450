#pragma once
// The messages as C++ values, and their encoding. Decoding takes bytes that may come from anywhere:
// sizes, nesting and enumerators are checked, and anything wrong is an error of code Corrupt, never
// a crash or a large allocation. Pure functions; any thread.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/end.hpp"
#include "schemas/base/result.hpp"
#include "schemas/envelope.hpp"

namespace troupe {

// Limits for decoded messages. A sample of a 65,536-token completion (the longest of the R1 recipe)
// with its text is under 2 MiB; eight times that leaves room.
inline constexpr std::size_t kMaxTokens = 1u << 20;
inline constexpr std::size_t kMaxTextBytes = 16u << 20;
inline constexpr std::size_t kMaxVerdicts = 256;
inline constexpr std::size_t kMaxCallees = 64;
inline constexpr std::size_t kMaxSiblings = 4096;
inline constexpr std::size_t kMaxMessageWords = (256u << 20) / 8;

struct Prompt {
  PromptId id;
  std::string task;
  std::string question;
  std::string answer;  // gold; empty: none
  std::string prompt_template;
  std::string system;
  std::string extra;  // further columns of the row: the text of a JSON object; empty: none
};

struct VersionRun {
  std::uint32_t first = 0;  // index of the first token that this version produced
  Version version;
};

enum class Finish : std::uint8_t { Stop, Length, Abort };
enum class Outcome : std::uint8_t { Scored, Unscorable, Timeout, InfraError };
/// "scored", "unscorable", "timeout", "infra_error".
const char* name_of(Outcome outcome);

/// A stage that was asked by call, and the version of the weights that answered.
struct Callee {
  std::string stage;
  Version version;
  bool operator==(const Callee&) const = default;
};

struct Verdict {
  std::string component;  // the stage that judged; filled in by the runtime
  Outcome outcome = Outcome::Scored;
  double score = 0.0;  // meaningful when scored
  std::string detail;
  std::uint16_t attempts = 1;
  std::vector<Callee> callees = {};  // whom the judge asked
};

struct RewardPart {
  std::string component;
  double score = 0.0;
  double weight = 0.0;
};

struct Sample {
  SampleId id;
  Prompt prompt;
  std::vector<std::int32_t> prompt_tokens;
  std::vector<std::int32_t> tokens;  // completion, with the stop token if there is one
  std::vector<float> logprobs;       // one per token
  std::vector<VersionRun> versions;  // ascending `first`; the first one is 0
  Finish finish = Finish::Stop;
  std::string text;  // completion without special tokens
  std::vector<Verdict> verdicts;
  std::optional<double> reward;
  std::vector<RewardPart> reward_parts;
};

/// The completions of one prompt that are compared. `samples` are encoded Sample messages.
struct Group {
  GroupId id;
  Version version;  // at admission
  std::vector<Payload> samples;
  std::uint16_t missing = 0;
};

struct WeightsAnnouncement {
  std::string model;
  Version version;
  std::uint64_t bytes = 0;
};

struct Tombstone {
  End end = End::Failed;
  std::string reason;
  std::string stage;
};

/// A call: generate one text.
struct TextRequest {
  std::string question;
  std::string prompt_template;
  std::string system;
  std::uint32_t max_new_tokens = 256;
  double temperature = 0.0;  // 0: greedy
  double top_p = 1.0;
  std::uint64_t seed = 0;  // the same request has the same answer
};

struct TextAnswer {
  std::string text;
  Finish finish = Finish::Stop;
  std::uint32_t tokens = 0;
};

Payload encode(const Prompt& value);
Payload encode(const Sample& value);
Payload encode(const Group& value);
Payload encode(const WeightsAnnouncement& value);
Payload encode(const Tombstone& value);
Payload encode(const TextRequest& value);
Payload encode(const TextAnswer& value);

Result<Prompt> decode_prompt(const Payload& payload);
Result<Sample> decode_sample(const Payload& payload);
Result<Group> decode_group(const Payload& payload);
Result<WeightsAnnouncement> decode_weights(const Payload& payload);
Result<Tombstone> decode_tombstone(const Payload& payload);
/// Numbers out of their range (a negative temperature, top_p of 0, no token) are Corrupt, too.
Result<TextRequest> decode_text_request(const Payload& payload);
Result<TextAnswer> decode_text_answer(const Payload& payload);

/// An envelope around an encoded message, with the routing fields that follow from it.
Envelope envelope_of(const Prompt& value);
Envelope envelope_of(const Sample& value, Version admitted_at);
Envelope envelope_of(const Group& value);
Envelope envelope_of(const WeightsAnnouncement& value);
/// For one sample; `whole_group` for all of its group.
Envelope envelope_of(const Tombstone& value, const SampleId& id, Version admitted_at,
                     bool whole_group);

}  // namespace troupe
