#pragma once
// FaultyVfs: SQLite's way to the same SimulatedFiles, under a name of its own that
// LedgerOptions::vfs takes. Behaves as SQLite's "unix" VFS does, its syncs of directories included;
// the shared memory of WAL mode and the locks live in this object and end with a reboot. One
// thread. Destroy it after every connection.
#include <memory>
#include <string>

#include "tests/faults/simulated_files.hpp"

struct sqlite3_vfs;

namespace troupe::test {

class FaultyVfs {
 public:
  explicit FaultyVfs(SimulatedFiles& files);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  struct State;

 private:
  std::string name_;
  std::unique_ptr<State> state_;
  std::unique_ptr<sqlite3_vfs> vfs_;
};

}  // namespace troupe::test
