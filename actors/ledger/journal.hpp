#pragma once
// Journal: the batch of every optimizer step, one file each under journal/. With the checkpoint
// before it, a step can be trained again: so what was finished and trained between two checkpoints
// survives the death of the process, and a damaged checkpoint costs time only (DESIGN 4.4). A file
// is written aside and renamed, and ends with a checksum: it exists whole or not at all. One owner,
// who holds the lock of the run directory. Calls block on the disk. Errors: DiskFull, Io; Corrupt
// and NotFound for a batch asked for.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "actors/ledger/ledger.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

struct JournaledGroup {
  GroupId id;
  std::uint64_t number = 0;  // of admission
  Version version;           // at admission
  std::shared_ptr<const std::vector<std::uint64_t>> message;  // encoded Group, in words
};

struct JournaledBatch {
  std::uint32_t step = 0;
  std::vector<JournaledGroup> groups;
  std::string gate;  // what the admission gate needs to go on from here; opaque
};

class Journal {
 public:
  /// Makes `folder` if absent and removes what a crash left half written.
  static Result<Journal> open(Disk& disk, std::filesystem::path folder);

  /// Writes a batch; one of the same step is replaced. Durability::Power syncs.
  Result<void> write(const JournaledBatch& batch, Durability durability);
  Result<JournaledBatch> read(std::uint32_t step) const;
  /// Steps that have a file, ascending; not checked.
  Result<std::vector<std::uint32_t>> steps() const;
  /// The last step s such that all batches from `after` + 1 to s are there and undamaged; `after`
  /// if the next is not. Says what is wrong with the first that is damaged.
  struct Reach {
    std::uint32_t step = 0;
    std::string damage;  // empty: the journal simply ends there
  };
  Result<Reach> reach(std::uint32_t after) const;
  /// Batches of steps before `first` are not needed any more.
  Result<void> drop_before(std::uint32_t first);
  /// Batches after `last` belong to a life that is not continued.
  Result<void> drop_after(std::uint32_t last);

 private:
  Journal(Disk& disk, std::filesystem::path folder) : disk_(&disk), folder_(std::move(folder)) {}
  std::filesystem::path file_of(std::uint32_t step) const;
  Disk* disk_;
  std::filesystem::path folder_;
};

}  // namespace troupe::ledger
