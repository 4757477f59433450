#pragma once
// SimulatedFiles: a file system in memory that does to its users what real ones do: it is full,
// fails, forgets what was not synced, and dies in the middle of a write. Everything that Troupe
// writes in a run goes to one of these, through FaultyDisk and FaultyVfs. One thread; everything
// random comes from the seed. Calls return an errno, 0 when all is well.
//
// What is there and what would survive are kept apart: a file has bytes, the bytes on stable
// storage and the changes between them; a directory likewise with its names. A sync makes durable
// only what it is asked for: a file's bytes but not its name, a directory's names but not the bytes
// of the files in it.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/rng.hpp"

namespace troupe::test {

/// What a death leaves on the disk.
enum class Loss {
  Process,    // everything: the operating system lives on
  Unsynced,   // power: only what was synced
  AnySubset,  // power: what was synced, and any sectors and names of the rest
  Prefix,     // power: of the rest, per file and directory, what came first
};

class SimulatedFiles {
 public:
  struct Node;
  /// An open file; of no more use after a reboot.
  struct Open {
    std::shared_ptr<Node> node;
    std::uint64_t life = 0;
  };

  explicit SimulatedFiles(std::uint64_t seed);
  ~SimulatedFiles();

  // Faults; may be changed at any time.
  std::uint64_t capacity = UINT64_MAX;  // bytes of all files together
  bool read_only = false;
  double write_failure = 0;  // probability that a write does a part of its work: EIO
  double sync_failure = 0;   // that a sync fails and forgets what it should have kept
  double read_failure = 0;
  std::optional<std::uint64_t> die_at;  // when this many changing calls were made: see dead()
  /// Called once, before the changing call of that number: lets a fault begin in the middle.
  std::uint64_t trouble_at = 0;
  std::function<void(SimulatedFiles&)> trouble;

  /// Nothing changes any more and every call fails, until reboot().
  bool dead() const { return dead_; }
  void die() { dead_ = true; }
  /// Whatever the new life finds. Faults are over.
  void reboot(Loss loss);
  std::uint64_t life() const { return life_; }
  /// Changing calls so far.
  std::uint64_t operations() const { return operations_; }
  std::uint64_t bytes_used() const { return used_; }
  Rng& rng() { return rng_; }

  int open(const std::filesystem::path& path, bool create, bool truncate, Open& file);
  int write(Open& file, std::uint64_t offset, std::string_view bytes);
  int read(Open& file, std::uint64_t offset, std::span<char> bytes, std::size_t& got);
  int resize(Open& file, std::uint64_t size);
  int sync(Open& file);
  std::uint64_t size(const Open& file) const;

  int sync_directory(const std::filesystem::path& path);
  int make_directory(const std::filesystem::path& path);
  int rename(const std::filesystem::path& from, const std::filesystem::path& to);
  /// A file or an empty directory.
  int remove(const std::filesystem::path& path);
  int list(const std::filesystem::path& path, std::vector<std::string>& names);
  bool exists(const std::filesystem::path& path) const;
  bool is_directory(const std::filesystem::path& path) const;

  // For tests, without faults.
  /// Every file below `path`, in order.
  std::vector<std::filesystem::path> files_below(const std::filesystem::path& path) const;
  std::string content(const std::filesystem::path& path) const;
  /// Changes a closed file behind everybody's back, as a decaying medium would.
  void damage(const std::filesystem::path& path, const std::string& content);

 private:
  std::shared_ptr<Node> find(const std::filesystem::path& path) const;
  /// Counts a changing call; an errno when it must not be made. `last`: it is the one in which the
  /// process dies.
  int begin(bool& last);
  bool chance(double probability) { return probability > 0 && rng_.uniform() < probability; }
  void settle(Node& node, Loss loss, double survival);
  void count_bytes(const Node& node);

  Rng rng_;
  std::shared_ptr<Node> root_;
  bool dead_ = false;
  std::uint64_t life_ = 1, operations_ = 0, used_ = 0;
};

}  // namespace troupe::test
