#include "actors/ledger/checkpoints.hpp"

#include "schemas/base/crc32c.hpp"
#include "schemas/base/rng.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;
using nlohmann::json;

namespace {

Checkpoints open(Disk& disk, const std::filesystem::path& folder, CheckpointOptions options = {}) {
  auto checkpoints = Checkpoints::open(disk, folder, std::move(options));
  REQUIRE_OK(checkpoints);
  return std::move(checkpoints).value();
}

/// As the training engine does: a folder that did not exist, with folders in it.
Result<Checkpoint> save(Checkpoints& checkpoints, std::uint32_t step) {
  const auto path = checkpoints.begin(step);
  REQUIRE_OK(path);
  REQUIRE(!std::filesystem::exists(*path));
  write_file(*path / "model" / "model.safetensors", "weights of " + std::to_string(step));
  write_file(*path / "optimizer" / "state.bin", std::string(3 << 20, static_cast<char>(step)));
  return checkpoints.commit(step, {{"step", step}, {"learning_rate", 1e-6}});
}

}  // namespace

TEST_CASE("crc32c_is_the_one_of_the_standards") {
  // RFC 3720, B.4.
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c("") == 0);
  Rng rng(1);
  std::vector<std::byte> bytes(1000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.next());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::span part(bytes.data(), size);
    const std::size_t middle = rng.below(size + 1);
    CHECK(crc32c(part) == crc32c_by_tables(part));
    CHECK(crc32c(part) == crc32c(part.subspan(middle), crc32c(part.first(middle))));
  }
}

TEST_CASE("a_checkpoint_comes_back_with_its_files_and_what_was_said_of_it") {
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path());
  CHECK(!checkpoints.latest().value().checkpoint.has_value());
  REQUIRE_OK(save(checkpoints, 10));
  const auto latest = checkpoints.latest();
  REQUIRE_OK(latest);
  REQUIRE(latest->checkpoint.has_value());
  CHECK(latest->checkpoint->step == 10);
  CHECK(latest->checkpoint->folder == folder.path() / "step-000010");
  CHECK(latest->checkpoint->meta.at("learning_rate") == 1e-6);
  CHECK(latest->checkpoint->bytes == (3 << 20) + 13);
  CHECK(latest->rejected.empty());
  CHECK(content_of(latest->checkpoint->folder / "model" / "model.safetensors") ==
        "weights of 10");
}

TEST_CASE("everything_is_synced_before_the_checkpoint_gets_its_name") {
  TemporaryFolder folder;
  SmallDisk disk;
  auto checkpoints = open(disk, folder / "checkpoints");
  disk.calls.clear();
  REQUIRE_OK(save(checkpoints, 1));
  CHECK(disk.calls ==
        std::vector<std::string>{"sync model.safetensors", "sync model/", "sync state.bin",
                                 "sync optimizer/", "sync .step-000001.new/",
                                 "sync manifest.json.new",
                                 "rename manifest.json.new manifest.json",
                                 "sync .step-000001.new/", "rename .step-000001.new step-000001",
                                 "sync checkpoints/"});
}

TEST_CASE("the_newest_checkpoints_and_the_named_ones_stay") {
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path(), {.keep = 2, .keep_steps = {20, 50}});
  for (std::uint32_t step = 10; step <= 70; step += 10) REQUIRE_OK(save(checkpoints, step));
  CHECK(checkpoints.steps().value() == std::vector<std::uint32_t>{20, 50, 60, 70});
  REQUIRE_OK(checkpoints.remove_after(50));
  CHECK(checkpoints.steps().value() == std::vector<std::uint32_t>{20, 50});
}

TEST_CASE("a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so") {
  const auto damage = [](const std::filesystem::path& file, int how) {
    const std::string content = content_of(file);
    std::string bad = content;
    if (how == 0) bad[bad.size() / 2] ^= 1;
    if (how == 1) bad.resize(bad.size() / 2);
    if (how == 2) bad += "x";
    write_file(file, bad);
    if (how == 3) std::filesystem::remove(file);
    return content;
  };
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path());
  for (std::uint32_t step : {1, 2}) REQUIRE_OK(save(checkpoints, step));
  const auto newest = folder / "step-000002";
  for (const char* name : {"model/model.safetensors", "optimizer/state.bin", "manifest.json"})
    for (int how = 0; how < 4; ++how) {
      INFO(name << " " << how);
      const std::string content = damage(newest / name, how);
      const auto latest = checkpoints.latest();
      REQUIRE_OK(latest);
      REQUIRE(latest->checkpoint.has_value());
      CHECK(latest->checkpoint->step == 1);
      REQUIRE(latest->rejected.size() == 1);
      CHECK(latest->rejected[0].find("step-000002 is damaged") != std::string::npos);
      CHECK(checkpoints.load(2).error().code == ErrorCode::Corrupt);
      write_file(newest / name, content);
      CHECK(checkpoints.latest().value().checkpoint->step == 2);
    }
}

TEST_CASE("every_changed_byte_of_a_manifest_is_noticed") {
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path());
  REQUIRE_OK(save(checkpoints, 1));
  const auto file = folder.path() / "step-000001" / "manifest.json";
  const std::string content = content_of(file);
  const json whole = checkpoints.load(1).value().meta;
  for (std::size_t i = 0; i < content.size(); ++i) {
    std::string bad = content;
    bad[i] ^= 4;
    write_file(file, bad);
    const auto loaded = checkpoints.load(1);
    // White space between tokens may change; what it says may not.
    if (loaded.ok()) CHECK(loaded->meta == whole);
  }
}

TEST_CASE("a_manifest_that_points_outside_is_refused") {
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path());
  REQUIRE_OK(save(checkpoints, 1));
  const auto file = folder.path() / "step-000001" / "manifest.json";
  for (const char* path : {"../secret", "/etc/hostname", "model/../../secret", ""}) {
    json sealed = json::parse(content_of(file));
    sealed["manifest"]["files"][0]["path"] = path;
    sealed["crc32c"] = crc32c(sealed["manifest"].dump());
    write_file(file, sealed.dump());
    const auto loaded = checkpoints.load(1);
    REQUIRE(!loaded.ok());
    CHECK(loaded.error().message.find("outside") != std::string::npos);
  }
}

TEST_CASE("what_a_crash_left_half_written_is_cleaned_and_never_chosen") {
  TemporaryFolder folder;
  {
    auto checkpoints = open(real_disk(), folder.path());
    REQUIRE_OK(save(checkpoints, 1));
    write_file(checkpoints.begin(2).value() / "model" / "model.safetensors", "half");
    CHECK(checkpoints.latest().value().checkpoint->step == 1);
  }
  auto checkpoints = open(real_disk(), folder.path());
  CHECK(real_disk().list(folder.path()).value() == std::vector<std::string>{"step-000001"});
  // Died between the two renames that replace a checkpoint.
  std::filesystem::rename(folder / "step-000001", folder / ".step-000001.old");
  checkpoints = open(real_disk(), folder.path());
  CHECK(checkpoints.latest().value().checkpoint->step == 1);
  std::filesystem::create_directories(folder / ".step-000001.old");
  checkpoints = open(real_disk(), folder.path());
  CHECK(real_disk().list(folder.path()).value() == std::vector<std::string>{"step-000001"});
}

TEST_CASE("a_checkpoint_of_the_same_step_replaces_the_former") {
  TemporaryFolder folder;
  auto checkpoints = open(real_disk(), folder.path());
  REQUIRE_OK(save(checkpoints, 1));
  const auto path = checkpoints.begin(1).value();
  write_file(path / "model" / "model.safetensors", "other");
  REQUIRE_OK(checkpoints.commit(1, json::object()));
  CHECK(content_of(folder.path() / "step-000001" / "model" / "model.safetensors") == "other");
  CHECK(real_disk().list(folder.path()).value() == std::vector<std::string>{"step-000001"});
}

TEST_CASE("a_full_disk_leaves_the_former_checkpoint") {
  TemporaryFolder folder;
  SmallDisk disk;
  auto checkpoints = open(disk, folder.path());
  REQUIRE_OK(save(checkpoints, 1));
  disk.bytes_left = 50;
  const auto refused = save(checkpoints, 2);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::DiskFull);
  CHECK(checkpoints.latest().value().checkpoint->step == 1);
  REQUIRE_OK(checkpoints.abandon(2));
  disk.bytes_left = UINT64_MAX;
  REQUIRE_OK(save(checkpoints, 2));
  CHECK(checkpoints.latest().value().checkpoint->step == 2);
}

TEST_CASE("a_checkpoint_of_a_later_format_is_refused_and_not_passed_over") {
  TemporaryFolder folder;
  Checkpoints checkpoints = open(real_disk(), folder.path());
  REQUIRE_OK(save(checkpoints, 1));
  REQUIRE_OK(save(checkpoints, 2));
  const auto file = checkpoint_folder(folder.path(), 2) / "manifest.json";
  json sealed = json::parse(content_of(file));
  sealed["manifest"]["format"] = 99;
  sealed["crc32c"] = crc32c(sealed["manifest"].dump());
  write_file(file, sealed.dump());
  // The one before is whole, but going on from it would lose what the later program did.
  const auto latest = checkpoints.latest();
  REQUIRE_FALSE(latest.ok());
  CHECK(latest.error().code == ErrorCode::Unsupported);
  CHECK(latest.error().message.find("99") != std::string::npos);
}
