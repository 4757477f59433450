#include "schemas/messages.hpp"

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <bit>
#include <cstring>

#include "schemas/messages.capnp.h"
#include "schemas/payload_builder.hpp"

namespace troupe {
namespace {

// Text from a model may hold any bytes, NUL among them; Cap'n Proto text carries its size, so
// nothing is cut.
kj::StringPtr text_of(const std::string& value) {
  return kj::StringPtr(value.c_str(), value.size());
}

void put(wire::PromptId::Builder to, const PromptId& from) {
  to.setDataset(from.dataset);
  to.setEpoch(from.epoch);
  to.setRow(from.row);
}
void put(wire::SampleId::Builder to, const SampleId& from) {
  put(to.initPrompt(), from.prompt);
  to.setSibling(from.sibling);
  to.setAttempt(from.attempt);
}
void put(wire::Version::Builder to, const Version& from) {
  to.setIncarnation(from.incarnation);
  to.setStep(from.step);
}
void put(wire::Prompt::Builder to, const Prompt& from) {
  put(to.initId(), from.id);
  to.setTask(text_of(from.task));
  to.setQuestion(text_of(from.question));
  to.setAnswer(text_of(from.answer));
  to.setTemplate(text_of(from.prompt_template));
  to.setSystem(text_of(from.system));
  if (!from.extra.empty()) to.setExtra(text_of(from.extra));
}

PromptId get(wire::PromptId::Reader from) {
  return {from.getDataset(), from.getEpoch(), from.getRow()};
}
SampleId get(wire::SampleId::Reader from) {
  return {get(from.getPrompt()), from.getSibling(), from.getAttempt()};
}
Version get(wire::Version::Reader from) { return {from.getIncarnation(), from.getStep()}; }

Error corrupt(std::string what) {
  return Error{ErrorCode::Corrupt, "message is not readable: " + std::move(what),
               "It was damaged or written by another version of Troupe"};
}

// The limits throw inside a decoding function; `decode` is the one place that catches.
struct LimitExceeded {
  std::string what;
};

std::string get_text(capnp::Text::Reader from, const char* field) {
  if (from.size() > kMaxTextBytes) throw LimitExceeded{std::string(field) + " is too long"};
  return std::string(from.begin(), from.size());
}

template <class List>
std::size_t checked_size(const List& list, std::size_t limit, const char* field) {
  if (list.size() > limit) throw LimitExceeded{std::string(field) + " has too many elements"};
  return list.size();
}

template <class T, class List>
std::vector<T> get_numbers(const List& list, const char* field) {
  std::vector<T> numbers(checked_size(list, kMaxTokens, field));
  const capnp::AnyList::Reader any(list);
  const auto raw = any.getRawBytes();
  // Numbers of the machine's own byte order, side by side: one copy. Lists of another form come
  // from other versions of a schema.
  if (std::endian::native == std::endian::little && raw.size() == numbers.size() * sizeof(T)) {
    if (!numbers.empty()) std::memcpy(numbers.data(), raw.begin(), raw.size());
    return numbers;
  }
  for (unsigned i = 0; i < list.size(); ++i) numbers[i] = list[i];
  return numbers;
}

template <class Enum>
Enum checked_enum(std::uint16_t raw, int count, const char* field) {
  if (raw >= count) throw LimitExceeded{std::string(field) + " has an unknown value"};
  return static_cast<Enum>(raw);
}

Prompt get(wire::Prompt::Reader from) {
  Prompt to;
  to.id = get(from.getId());
  to.task = get_text(from.getTask(), "task");
  to.question = get_text(from.getQuestion(), "question");
  to.answer = get_text(from.getAnswer(), "answer");
  to.prompt_template = get_text(from.getTemplate(), "template");
  to.system = get_text(from.getSystem(), "system");
  to.extra = get_text(from.getExtra(), "extra");
  return to;
}

// About how many words things take in a message: their parts, and pointers to them.
std::size_t words_of(const std::string& text) { return 2 + text.size() / 8; }
template <class T>
std::size_t words_of(const std::vector<T>& numbers) {
  return 2 + numbers.size() * sizeof(T) / 8;
}
std::size_t words_of(const Prompt& prompt) {
  return 8 + words_of(prompt.task) + words_of(prompt.question) + words_of(prompt.answer) +
         words_of(prompt.prompt_template) + words_of(prompt.system) + words_of(prompt.extra);
}
std::size_t words_of(const Sample& sample) {
  std::size_t words = 32 + words_of(sample.prompt) + words_of(sample.prompt_tokens) +
                      words_of(sample.tokens) + words_of(sample.logprobs) + words_of(sample.text) +
                      3 * sample.versions.size();
  for (const Verdict& verdict : sample.verdicts) {
    words += 8 + words_of(verdict.component) + words_of(verdict.detail);
    for (const auto& callee : verdict.callees) words += 4 + words_of(callee.stage);
  }
  for (const RewardPart& part : sample.reward_parts) words += 6 + words_of(part.component);
  return words;
}
std::size_t words_of(const Group& group) {
  std::size_t words = 16;
  for (const Payload& sample : group.samples) words += 2 + sample->size();
  return words;
}
constexpr std::size_t kSmallWords = 64;  // messages of a few fields

capnp::ReaderOptions reader_options(std::size_t words) {
  capnp::ReaderOptions options;
  options.nestingLimit = 16;
  // Every word may be visited once or twice; a message that points at itself more often is hostile.
  options.traversalLimitInWords = 4 * words + 64;
  return options;
}

template <class Wire, class Read>
auto decode(const Payload& payload, Read read)
    -> Result<decltype(read(std::declval<typename Wire::Reader>()))> {
  if (!payload || payload->empty()) return corrupt("it is empty");
  if (payload->size() > kMaxMessageWords) return corrupt("it is too large");
  try {
    const auto words = kj::ArrayPtr<const capnp::word>(
        reinterpret_cast<const capnp::word*>(payload->data()), payload->size());
    capnp::FlatArrayMessageReader reader(words, reader_options(payload->size()));
    return read(reader.template getRoot<Wire>());
  } catch (const kj::Exception& e) {
    return corrupt(e.getDescription().cStr());
  } catch (const LimitExceeded& e) {
    return corrupt(e.what);
  }
}

}  // namespace

const char* name_of(MessageType type) {
  switch (type) {
    case MessageType::Prompt:
      return "prompt";
    case MessageType::Sample:
      return "sample";
    case MessageType::Group:
      return "group";
    case MessageType::Weights:
      return "weights";
    case MessageType::Tombstone:
      return "tombstone";
    case MessageType::Request:
      return "request";
    case MessageType::Answer:
      return "answer";
  }
  return "unknown";
}

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Scored:
      return "scored";
    case Outcome::Unscorable:
      return "unscorable";
    case Outcome::Timeout:
      return "timeout";
    case Outcome::InfraError:
      return "infra_error";
  }
  return "unknown";
}

Payload encode(const Prompt& value) {
  PayloadBuilder builder(words_of(value));
  put(builder.initRoot<wire::Prompt>(), value);
  return builder.finish();
}

Payload encode(const Sample& value) {
  PayloadBuilder builder(words_of(value));
  auto root = builder.initRoot<wire::Sample>();
  put(root.initId(), value.id);
  put(root.initPrompt(), value.prompt);
  root.setPromptTokens(kj::arrayPtr(value.prompt_tokens.data(), value.prompt_tokens.size()));
  root.setTokens(kj::arrayPtr(value.tokens.data(), value.tokens.size()));
  root.setLogprobs(kj::arrayPtr(value.logprobs.data(), value.logprobs.size()));
  auto versions = root.initVersions(static_cast<unsigned>(value.versions.size()));
  for (unsigned i = 0; i < versions.size(); ++i) {
    versions[i].setFirst(value.versions[i].first);
    put(versions[i].initVersion(), value.versions[i].version);
  }
  root.setFinish(static_cast<wire::FinishReason>(value.finish));
  root.setText(text_of(value.text));
  auto verdicts = root.initVerdicts(static_cast<unsigned>(value.verdicts.size()));
  for (unsigned i = 0; i < verdicts.size(); ++i) {
    const Verdict& verdict = value.verdicts[i];
    verdicts[i].setComponent(text_of(verdict.component));
    verdicts[i].setOutcome(static_cast<wire::Outcome>(verdict.outcome));
    verdicts[i].setScore(verdict.score);
    verdicts[i].setDetail(text_of(verdict.detail));
    verdicts[i].setAttempts(verdict.attempts);
    if (verdict.callees.empty()) continue;
    auto callees = verdicts[i].initCallees(static_cast<unsigned>(verdict.callees.size()));
    for (unsigned j = 0; j < callees.size(); ++j) {
      callees[j].setStage(text_of(verdict.callees[j].stage));
      put(callees[j].initVersion(), verdict.callees[j].version);
    }
  }
  root.setHasReward(value.reward.has_value());
  root.setReward(value.reward.value_or(0.0));
  auto parts = root.initRewardParts(static_cast<unsigned>(value.reward_parts.size()));
  for (unsigned i = 0; i < parts.size(); ++i) {
    parts[i].setComponent(text_of(value.reward_parts[i].component));
    parts[i].setScore(value.reward_parts[i].score);
    parts[i].setWeight(value.reward_parts[i].weight);
  }
  return builder.finish();
}

Payload encode(const Group& value) {
  PayloadBuilder builder(words_of(value));
  auto root = builder.initRoot<wire::Group>();
  put(root.initId(), value.id);
  put(root.initVersion(), value.version);
  auto samples = root.initSamples(static_cast<unsigned>(value.samples.size()));
  for (unsigned i = 0; i < samples.size(); ++i) {
    const auto& words = *value.samples[i];
    samples.set(i, kj::arrayPtr(reinterpret_cast<const kj::byte*>(words.data()),
                                words.size() * sizeof(std::uint64_t)));
  }
  root.setMissing(value.missing);
  return builder.finish();
}

Payload encode(const WeightsAnnouncement& value) {
  PayloadBuilder builder(kSmallWords);
  auto root = builder.initRoot<wire::WeightsAnnouncement>();
  root.setModel(text_of(value.model));
  put(root.initVersion(), value.version);
  root.setBytes(value.bytes);
  return builder.finish();
}

Payload encode(const Tombstone& value) {
  PayloadBuilder builder(kSmallWords);
  auto root = builder.initRoot<wire::Tombstone>();
  root.setEnd(static_cast<wire::End>(value.end));
  root.setReason(text_of(value.reason));
  root.setStage(text_of(value.stage));
  return builder.finish();
}

Result<Prompt> decode_prompt(const Payload& payload) {
  return decode<wire::Prompt>(payload, [](wire::Prompt::Reader from) { return get(from); });
}

Result<Sample> decode_sample(const Payload& payload) {
  return decode<wire::Sample>(payload, [](wire::Sample::Reader from) {
    Sample to;
    to.id = get(from.getId());
    to.prompt = get(from.getPrompt());
    to.prompt_tokens = get_numbers<std::int32_t>(from.getPromptTokens(), "promptTokens");
    to.tokens = get_numbers<std::int32_t>(from.getTokens(), "tokens");
    to.logprobs = get_numbers<float>(from.getLogprobs(), "logprobs");
    if (to.logprobs.size() != to.tokens.size())
      throw LimitExceeded{"logprobs and tokens differ in length"};
    const auto versions = from.getVersions();
    checked_size(versions, kMaxTokens, "versions");
    for (const auto& span : versions)
      to.versions.push_back({span.getFirst(), get(span.getVersion())});
    to.finish = checked_enum<Finish>(static_cast<std::uint16_t>(from.getFinish()), 3, "finish");
    to.text = get_text(from.getText(), "text");
    const auto verdicts = from.getVerdicts();
    checked_size(verdicts, kMaxVerdicts, "verdicts");
    for (const auto& verdict : verdicts) {
      to.verdicts.push_back(
          {get_text(verdict.getComponent(), "component"),
           checked_enum<Outcome>(static_cast<std::uint16_t>(verdict.getOutcome()), 4, "outcome"),
           verdict.getScore(), get_text(verdict.getDetail(), "detail"), verdict.getAttempts()});
      const auto callees = verdict.getCallees();
      checked_size(callees, kMaxCallees, "callees");
      for (const auto& callee : callees) {
        to.verdicts.back().callees.push_back(
            {get_text(callee.getStage(), "stage"), get(callee.getVersion())});
      }
    }
    if (from.getHasReward()) to.reward = from.getReward();
    const auto parts = from.getRewardParts();
    checked_size(parts, kMaxVerdicts, "rewardParts");
    for (const auto& part : parts) {
      to.reward_parts.push_back(
          {get_text(part.getComponent(), "component"), part.getScore(), part.getWeight()});
    }
    return to;
  });
}

Result<Group> decode_group(const Payload& payload) {
  return decode<wire::Group>(payload, [](wire::Group::Reader from) {
    Group to;
    to.id = get(from.getId());
    to.version = get(from.getVersion());
    const auto samples = from.getSamples();
    checked_size(samples, kMaxSiblings, "samples");
    for (const auto data : samples) {
      if (data.size() % sizeof(std::uint64_t) != 0) throw LimitExceeded{"a sample is cut off"};
      auto words = std::make_shared<std::vector<std::uint64_t>>(data.size() / 8);
      std::copy(data.begin(), data.end(), reinterpret_cast<kj::byte*>(words->data()));
      to.samples.push_back(std::move(words));
    }
    to.missing = from.getMissing();
    return to;
  });
}

Result<WeightsAnnouncement> decode_weights(const Payload& payload) {
  return decode<wire::WeightsAnnouncement>(payload, [](wire::WeightsAnnouncement::Reader from) {
    return WeightsAnnouncement{get_text(from.getModel(), "model"), get(from.getVersion()),
                               from.getBytes()};
  });
}

Result<Tombstone> decode_tombstone(const Payload& payload) {
  return decode<wire::Tombstone>(payload, [](wire::Tombstone::Reader from) {
    return Tombstone{checked_enum<End>(static_cast<std::uint16_t>(from.getEnd()), kEnds, "end"),
                     get_text(from.getReason(), "reason"), get_text(from.getStage(), "stage")};
  });
}

Payload encode(const TextRequest& value) {
  PayloadBuilder builder(kSmallWords);
  auto root = builder.initRoot<wire::TextRequest>();
  root.setQuestion(text_of(value.question));
  root.setTemplate(text_of(value.prompt_template));
  root.setSystem(text_of(value.system));
  root.setMaxNewTokens(value.max_new_tokens);
  root.setTemperature(value.temperature);
  root.setTopP(value.top_p);
  root.setSeed(value.seed);
  return builder.finish();
}

Payload encode(const TextAnswer& value) {
  PayloadBuilder builder(kSmallWords);
  auto root = builder.initRoot<wire::TextAnswer>();
  root.setText(text_of(value.text));
  root.setFinish(static_cast<wire::FinishReason>(value.finish));
  root.setTokens(value.tokens);
  return builder.finish();
}

Result<TextRequest> decode_text_request(const Payload& payload) {
  return decode<wire::TextRequest>(payload, [](wire::TextRequest::Reader from) {
    TextRequest to;
    to.question = get_text(from.getQuestion(), "question");
    to.prompt_template = get_text(from.getTemplate(), "template");
    to.system = get_text(from.getSystem(), "system");
    to.max_new_tokens = from.getMaxNewTokens();
    if (to.max_new_tokens == 0 || to.max_new_tokens > kMaxTokens)
      throw LimitExceeded{"maxNewTokens is out of range"};
    to.temperature = from.getTemperature();
    if (!(to.temperature >= 0.0 && to.temperature <= 100.0))
      throw LimitExceeded{"temperature is out of range"};
    to.top_p = from.getTopP();
    if (!(to.top_p > 0.0 && to.top_p <= 1.0)) throw LimitExceeded{"topP is out of range"};
    to.seed = from.getSeed();
    return to;
  });
}

Result<TextAnswer> decode_text_answer(const Payload& payload) {
  return decode<wire::TextAnswer>(payload, [](wire::TextAnswer::Reader from) {
    return TextAnswer{
        get_text(from.getText(), "text"),
        checked_enum<Finish>(static_cast<std::uint16_t>(from.getFinish()), 3, "finish"),
        from.getTokens()};
  });
}

Envelope envelope_of(const Prompt& value) {
  Envelope envelope;
  envelope.type = MessageType::Prompt;
  envelope.sample.prompt = value.id;
  envelope.task = task_key(value.task);
  envelope.payload = encode(value);
  return envelope;
}

Envelope envelope_of(const Sample& value, Version admitted_at) {
  Envelope envelope;
  envelope.type = MessageType::Sample;
  envelope.sample = value.id;
  envelope.version = admitted_at;
  envelope.task = task_key(value.prompt.task);
  envelope.payload = encode(value);
  return envelope;
}

Envelope envelope_of(const Group& value) {
  Envelope envelope;
  envelope.type = MessageType::Group;
  envelope.sample.prompt = value.id;
  envelope.version = value.version;
  envelope.payload = encode(value);
  return envelope;
}

Envelope envelope_of(const WeightsAnnouncement& value) {
  Envelope envelope;
  envelope.type = MessageType::Weights;
  envelope.version = value.version;
  envelope.payload = encode(value);
  return envelope;
}

Envelope envelope_of(const Tombstone& value, const SampleId& id, Version admitted_at,
                     bool whole_group) {
  Envelope envelope;
  envelope.type = MessageType::Tombstone;
  envelope.sample = id;
  envelope.version = admitted_at;
  envelope.whole_group = whole_group;
  envelope.payload = encode(value);
  return envelope;
}

}  // namespace troupe
