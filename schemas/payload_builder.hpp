#pragma once
// PayloadBuilder: builds a Cap'n Proto message in the very memory that becomes its payload: no copy
// where the guess of its size was large enough. For messages.cpp. One thread; cannot fail but for
// memory.
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "schemas/envelope.hpp"

namespace troupe {

class PayloadBuilder final : public capnp::MessageBuilder {
 public:
  /// `words`: about the size of the message; some more costs little, less costs a copy.
  explicit PayloadBuilder(std::size_t words)
      : words_(std::make_shared<std::vector<std::uint64_t>>(1 + words)) {}

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum) override {
    if (!std::exchange(began_, true) && minimum < words_->size())
      return space(words_->data() + 1, words_->size() - 1);
    auto& segment = more_.emplace_back(std::max<std::size_t>(minimum, words_->size()));
    return space(segment.data(), segment.size());
  }

  /// The message in flat form. The builder must not be used afterwards.
  Payload finish() {
    const auto segments = getSegmentsForOutput();
    const auto first = reinterpret_cast<const std::uint64_t*>(segments[0].begin());
    if constexpr (std::endian::native == std::endian::little) {
      if (segments.size() == 1 && first == words_->data() + 1) {
        // The table of segments: one segment (the number less one, 32 bits), and its words.
        (*words_)[0] = static_cast<std::uint64_t>(segments[0].size()) << 32;
        words_->resize(1 + segments[0].size());
        return words_;
      }
    }
    const kj::Array<capnp::word> flat = capnp::messageToFlatArray(segments);
    const auto* begin = reinterpret_cast<const std::uint64_t*>(flat.begin());
    return std::make_shared<const std::vector<std::uint64_t>>(begin, begin + flat.size());
  }

 private:
  static kj::ArrayPtr<capnp::word> space(std::uint64_t* words, std::size_t size) {
    return {reinterpret_cast<capnp::word*>(words), size};
  }
  std::shared_ptr<std::vector<std::uint64_t>> words_;  // room for the table, then the first segment
  std::vector<std::vector<std::uint64_t>> more_;       // zeroed, as Cap'n Proto wants it
  bool began_ = false;
};

}  // namespace troupe
