#pragma once
// ResumePoint: where a resumed life of a run begins: the checkpoint that the weights come from, and
// the journaled steps after it, which are trained again before anything new. A value.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/journal.hpp"
#include "graphs/plan.hpp"

namespace troupe::cli {

struct ResumePoint {
  std::uint32_t step = 0;                       // of the checkpoint; 0: from the beginning
  std::optional<std::filesystem::path> folder;  // of the checkpoint; none at step 0
  nlohmann::json ledger;  // Ledger::summary() at that moment, should the ledger be lost; or null
  std::uint32_t redo_until = 0;        // last step to be redone from the journal; `step`: none
  std::vector<PromptId> journaled;     // prompts of the steps to be redone
  std::uint64_t numbers_used = 0;      // admission numbers below were given to them or before
  std::string gate;                    // run.exact: the gate's state at `redo_until`
  std::vector<std::string> warnings;   // damage found, to be shown
};

/// Looks for the newest checkpoint that serves, and how far the journal reaches from it. With
/// run.exact it must be old enough that the weights of every unfinished group can be made again.
/// Removes nothing. Io; Corrupt when an exact run cannot be continued exactly.
Result<ResumePoint> find_resume_point(const ledger::Checkpoints& checkpoints,
                                      const ledger::Journal& journal, const graphs::Plan& plan);

}  // namespace troupe::cli
