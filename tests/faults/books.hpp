#pragma once
// Books: what a run must remember, kept by a test beside it in the plainest way: a list of facts,
// each with the ledger's sequence number, replayed from the beginning whenever the past is in
// question. An oracle: shares no code with the ledger.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schemas/base/end.hpp"
#include "schemas/base/ids.hpp"

namespace troupe::test {

struct Fact {
  enum class What { Admitted, Ended, Refilled, Used, EndedLeftOver, Resumed };
  What what = What::Admitted;
  std::uint64_t sequence = 0;  // of the ledger, right after it
  SampleId sample;             // of Admitted: its prompt
  std::uint32_t size = 0;      // of Admitted
  End end = End::Failed;
  std::uint32_t step = 0;         // of Ended and Used; of Resumed: the last that the journal has
  std::vector<PromptId> prompts;  // of Used; of Resumed: those that are trained again
};

class Books {
 public:
  struct Slot {
    std::uint16_t attempt = 0;
    std::optional<End> end;
    std::uint32_t step = 0;
  };
  struct Prompt {
    std::vector<Slot> slots;                             // by sibling
    std::vector<std::pair<std::uint16_t, End>> earlier;  // attempts that were refilled, by sibling
    bool awaited = false;
    bool open() const;
  };

  void add(Fact fact);
  /// Forgets what a death took: every fact after `sequence`.
  void forget_after(std::uint64_t sequence);
  /// Forgets everything but what the checkpoint of `step` has trained.
  void keep_only_uses(std::uint32_t step);

  const std::vector<Fact>& facts() const { return facts_; }
  const std::map<PromptId, Prompt>& prompts() const { return prompts_; }
  std::uint64_t samples_admitted() const;
  std::uint64_t samples(End end) const;
  std::uint64_t samples_open() const;
  /// Step by which each prompt was trained, as it stands.
  const std::map<PromptId, std::uint32_t>& uses() const { return uses_; }

 private:
  void apply(const Fact& fact);
  void resume(std::uint32_t step, const std::vector<PromptId>& journaled);

  std::vector<Fact> facts_;
  std::map<PromptId, Prompt> prompts_;
  std::map<PromptId, std::uint32_t> uses_;
};

}  // namespace troupe::test
