// The simulated file system itself: what it keeps and what it forgets.
#include "tests/faults/faulty_disk.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {
void put(Disk& disk, const char* path, std::string_view text) {
  auto file = disk.create(path);
  REQUIRE_OK(file);
  REQUIRE_OK((*file)->write(text));
}
}  // namespace

TEST_CASE("a_dead_process_leaves_everything_it_wrote") {
  SimulatedFiles files(1);
  FaultyDisk disk(files);
  REQUIRE_OK(disk.make_directories("/a/b"));
  put(disk, "/a/b/c", "hello");
  files.die();
  CHECK_FALSE(disk.read("/a/b/c", 100).ok());
  CHECK_FALSE(disk.create("/a/new").ok());
  files.reboot(Loss::Process);
  CHECK(disk.read("/a/b/c", 100).value() == "hello");
  CHECK_FALSE(disk.exists("/a/new"));
}

TEST_CASE("a_loss_of_power_leaves_what_was_synced_and_its_name_only_if_that_was_synced_too") {
  SimulatedFiles files(1);
  FaultyDisk disk(files);
  REQUIRE_OK(disk.make_lasting_directories("/a"));
  for (const char* name : {"/a/synced", "/a/nameless", "/a/bytes"}) put(disk, name, "hello");
  REQUIRE_OK(disk.sync_file("/a/synced"));
  REQUIRE_OK(disk.sync_directory("/a"));
  put(disk, "/a/later", "hello");
  REQUIRE_OK(disk.sync_file("/a/later"));
  REQUIRE_OK(disk.rename("/a/synced", "/a/renamed"));
  files.reboot(Loss::Unsynced);
  CHECK(disk.read("/a/synced", 100).value() == "hello");
  CHECK(disk.read("/a/bytes", 100).value().empty());
  CHECK_FALSE(disk.exists("/a/later"));
  CHECK_FALSE(disk.exists("/a/renamed"));
}

TEST_CASE("unsynced_sectors_survive_in_any_subset_but_synced_ones_always") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimulatedFiles files(seed);
    FaultyDisk disk(files);
    auto file = disk.create("/f");
    REQUIRE_OK(file);
    REQUIRE_OK((*file)->write(std::string(512, 'a')));
    REQUIRE_OK((*file)->sync());
    REQUIRE_OK(disk.sync_directory("/"));
    for (char c : {'b', 'c', 'd'}) REQUIRE_OK((*file)->write(std::string(512, c)));
    files.reboot(Loss::AnySubset);
    const std::string content = disk.read("/f", 4096).value();
    REQUIRE(content.substr(0, 512) == std::string(512, 'a'));
    std::string shape;
    for (std::size_t at = 512; at < content.size(); at += 512)
      shape += content[at] ? content[at] : '0';
    seen.insert(shape);
  }
  CHECK(seen.contains("bcd"));
  CHECK(seen.contains(""));
  CHECK(seen.contains("0cd"));  // the first was lost, what came after it was not
  CHECK(seen.size() > 5);
}

TEST_CASE("a_failed_sync_forgets_and_the_next_one_says_nothing_of_it") {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimulatedFiles files(seed);
    FaultyDisk disk(files);
    auto file = disk.create("/f");
    REQUIRE_OK(file);
    REQUIRE_OK(disk.sync_directory("/"));
    REQUIRE_OK((*file)->write("precious"));
    files.sync_failure = 1;
    const auto failed = (*file)->sync();
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().message.find("'/f'") != std::string::npos);
    CHECK_FALSE(failed.error().help.empty());
    files.sync_failure = 0;
    REQUIRE_OK((*file)->sync());
    files.reboot(Loss::Unsynced);
    lost |= disk.read("/f", 100).value() != "precious";
  }
  CHECK(lost);
}

TEST_CASE("a_full_disk_takes_what_fits_and_has_room_again_when_something_goes") {
  SimulatedFiles files(1);
  FaultyDisk disk(files);
  put(disk, "/big", std::string(1000, 'x'));
  files.capacity = 1500;
  auto file = disk.create("/f");
  REQUIRE_OK(file);
  const auto refused = (*file)->write(std::string(600, 'y'));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::DiskFull);
  CHECK(disk.read("/f", 1000).value().size() == 500);
  REQUIRE_OK(disk.remove_all("/big"));
  CHECK((*file)->write(std::string(600, 'y')).ok());
  files.read_only = true;
  CHECK_FALSE((*file)->write("more").ok());
  CHECK_FALSE(disk.remove_all("/f").ok());
  CHECK(disk.read("/f", 2000).ok());
}

TEST_CASE("a_write_in_which_the_process_dies_is_done_in_part") {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SimulatedFiles files(seed);
    FaultyDisk disk(files);
    auto file = disk.create("/f");
    REQUIRE_OK(file);
    files.die_at = files.operations() + 1;
    CHECK_FALSE((*file)->write(std::string(100, 'x')).ok());
    CHECK(files.dead());
    file->reset();
    files.reboot(Loss::Process);
    sizes.insert(disk.read("/f", 100).value().size());
  }
  CHECK(sizes.size() > 5);
}

TEST_CASE("a_lock_ends_with_the_life_that_holds_it") {
  SimulatedFiles files(1);
  FaultyDisk disk(files);
  LockHolder holder;
  auto lock = disk.lock("/lock", 7, holder);
  REQUIRE_OK(lock);
  REQUIRE(*lock);
  CHECK_FALSE(disk.lock("/lock", 8, holder).value());
  CHECK((holder.held && holder.pid == 7));
  files.reboot(Loss::Process);
  CHECK_FALSE(disk.lock_holder("/lock").held);
  CHECK(disk.lock("/lock", 8, holder).value());
}
