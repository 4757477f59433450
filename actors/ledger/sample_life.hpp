#pragma once
// SampleLife: everything that a run directory knows of one sample: its lines in the sample log (one
// for each attempt and each life of the run), its siblings, its prompt's record in the ledger and
// the steps that used it. Reads only; works beside a running run.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/ledger/prompt_record.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

struct SampleLife {
  SampleId id;
  std::vector<nlohmann::json> lines;     // of this sample, in the order of the log
  std::vector<nlohmann::json> siblings;  // the last line of every other sibling
  std::optional<PromptRecord> record;
  std::string reason;  // of the sample's end in the ledger
  struct Use {
    std::uint32_t step = 0, incarnation = 0, pass = 0;
  };
  std::vector<Use> uses;  // of its prompt, by batches
};

/// NotFound when neither log nor ledger knows it.
Result<SampleLife> read_sample_life(Disk& disk, const std::filesystem::path& run,
                                    const SampleId& id);

}  // namespace troupe::ledger
