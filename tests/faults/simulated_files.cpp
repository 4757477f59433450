#include "tests/faults/simulated_files.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "schemas/base/assert.hpp"

namespace troupe::test {
namespace fs = std::filesystem;

namespace {
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kMaxFile = 1ull << 30;  // a test that writes more has a bug
}  // namespace

struct SimulatedFiles::Node {
  bool directory = false;

  // Of a file.
  struct Change {
    bool resizes = false;
    std::uint64_t at = 0;  // offset, or the new size
    std::string bytes;
  };
  std::string now, durable;
  std::vector<Change> unsynced;

  // Of a directory. One entry change is one call: it survives whole or not at all.
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Edit {
    std::string name;
    std::shared_ptr<Node> node;  // nothing: the name goes
  };
  Names names, durable_names;
  std::vector<std::vector<Edit>> unsynced_names;

  static void apply(std::string& content, const Change& change) {
    if (change.resizes) return content.resize(change.at);
    if (content.size() < change.at + change.bytes.size())
      content.resize(change.at + change.bytes.size());
    content.replace(change.at, change.bytes.size(), change.bytes);
  }
  static void apply(Names& names, const std::vector<Edit>& edits) {
    for (const Edit& edit : edits) {
      if (edit.node)
        names[edit.name] = edit.node;
      else
        names.erase(edit.name);
    }
  }
  void change(std::vector<Edit> edits) {
    apply(names, edits);
    unsynced_names.push_back(std::move(edits));
  }
};

SimulatedFiles::SimulatedFiles(std::uint64_t seed)
    : rng_(seed, 77), root_(std::make_shared<Node>()) {
  root_->directory = true;
}
SimulatedFiles::~SimulatedFiles() = default;

std::shared_ptr<SimulatedFiles::Node> SimulatedFiles::find(const fs::path& path) const {
  std::shared_ptr<Node> node = root_;
  for (const fs::path& part : path.lexically_normal().relative_path()) {
    if (part.empty() || part == ".") continue;
    if (!node->directory) return nullptr;
    const auto found = node->names.find(part.string());
    if (found == node->names.end()) return nullptr;
    node = found->second;
  }
  return node;
}

int SimulatedFiles::begin(bool& last) {
  if (dead_) return EIO;
  if (trouble && operations_ + 1 >= trouble_at) std::exchange(trouble, nullptr)(*this);
  if (read_only) return EROFS;
  ++operations_;
  last = die_at && operations_ >= *die_at;
  if (last) dead_ = true;
  return 0;
}

int SimulatedFiles::open(const fs::path& path, bool create, bool truncate, Open& file) {
  if (dead_) return EIO;
  auto node = find(path);
  if (node && node->directory) return EISDIR;
  if (!node) {
    if (!create) return ENOENT;
    const auto parent = find(path.parent_path());
    if (!parent) return ENOENT;
    if (!parent->directory) return ENOTDIR;
    bool last = false;
    if (const int status = begin(last)) return status;
    if (last && rng_.below(2) == 0) return EIO;
    node = std::make_shared<Node>();
    parent->change({{path.filename().string(), node}});
    if (last) return EIO;
  }
  file = {node, life_};
  return truncate && !node->now.empty() ? resize(file, 0) : 0;
}

int SimulatedFiles::write(Open& file, std::uint64_t offset, std::string_view bytes) {
  if (file.life != life_) return EIO;
  bool last = false;
  if (const int status = begin(last)) return status;
  Node& node = *file.node;
  TROUPE_ASSERT(offset + bytes.size() <= kMaxFile, "a test writes a file over 1 GiB");
  int status = 0;
  std::string_view part = bytes;
  if (last || chance(write_failure)) {
    part = part.substr(0, rng_.below(part.size() + 1));
    status = EIO;
  }
  const std::uint64_t end = offset + part.size();
  const std::uint64_t more = end > node.now.size() ? end - node.now.size() : 0;
  const std::uint64_t room = capacity > used_ ? capacity - used_ : 0;
  if (more > room) {
    const std::uint64_t over = std::min<std::uint64_t>(more - room, part.size());
    part.remove_suffix(static_cast<std::size_t>(over));
    if (status == 0) status = ENOSPC;
  }
  if (part.empty()) return status;
  const std::uint64_t before = node.now.size();
  Node::Change change{false, offset, std::string(part)};
  Node::apply(node.now, change);
  node.unsynced.push_back(std::move(change));
  used_ += node.now.size() - before;
  return status;
}

int SimulatedFiles::read(Open& file, std::uint64_t offset, std::span<char> bytes,
                         std::size_t& got) {
  got = 0;
  if (dead_ || file.life != life_ || chance(read_failure)) return EIO;
  const std::string& content = file.node->now;
  if (offset >= content.size()) return 0;
  got = std::min<std::size_t>(bytes.size(), content.size() - offset);
  std::copy_n(content.data() + offset, got, bytes.data());
  return 0;
}

int SimulatedFiles::resize(Open& file, std::uint64_t size) {
  if (file.life != life_) return EIO;
  bool last = false;
  if (const int status = begin(last)) return status;
  if (last && rng_.below(2) == 0) return EIO;
  Node& node = *file.node;
  if (size > node.now.size() && used_ + size - node.now.size() > capacity) return ENOSPC;
  used_ += size;
  used_ -= node.now.size();
  Node::Change change{true, size, ""};
  Node::apply(node.now, change);
  node.unsynced.push_back(std::move(change));
  return last ? EIO : 0;
}

int SimulatedFiles::sync(Open& file) {
  if (file.life != life_) return EIO;
  bool last = false;
  if (const int status = begin(last)) return status;
  Node& node = *file.node;
  if (last) return EIO;  // whatever of it was done is what a loss of power decides
  if (chance(sync_failure)) {
    // As Linux does it: a page that could not be written is marked clean all the same, so that a
    // later sync says nothing, and sooner or later reads show what the medium has.
    for (const Node::Change& change : node.unsynced)
      if (rng_.below(2) == 0) Node::apply(node.durable, change);
    node.unsynced.clear();
    if (rng_.below(2) == 0) {
      used_ += node.durable.size();
      used_ -= node.now.size();
      node.now = node.durable;
    }
    return EIO;
  }
  for (const Node::Change& change : node.unsynced) Node::apply(node.durable, change);
  node.unsynced.clear();
  return 0;
}

std::uint64_t SimulatedFiles::size(const Open& file) const { return file.node->now.size(); }

int SimulatedFiles::sync_directory(const fs::path& path) {
  const auto node = find(path);
  if (dead_) return EIO;
  if (!node) return ENOENT;
  if (!node->directory) return ENOTDIR;
  bool last = false;
  if (const int status = begin(last)) return status;
  if (last || chance(sync_failure)) return EIO;
  for (const auto& edits : node->unsynced_names) Node::apply(node->durable_names, edits);
  node->unsynced_names.clear();
  return 0;
}

int SimulatedFiles::make_directory(const fs::path& path) {
  if (dead_) return EIO;
  if (const auto node = find(path)) return node->directory ? 0 : EEXIST;
  const auto parent = find(path.parent_path());
  if (!parent) return ENOENT;
  bool last = false;
  if (const int status = begin(last)) return status;
  if (last && rng_.below(2) == 0) return EIO;
  auto node = std::make_shared<Node>();
  node->directory = true;
  parent->change({{path.filename().string(), node}});
  return last ? EIO : 0;
}

int SimulatedFiles::rename(const fs::path& from, const fs::path& to) {
  if (dead_) return EIO;
  const auto node = find(from);
  const auto parent = find(from.parent_path());
  if (!node) return ENOENT;
  TROUPE_ASSERT(parent == find(to.parent_path()), "a rename across directories: not simulated");
  if (const auto target = find(to); target && target->directory && !target->names.empty())
    return ENOTEMPTY;
  bool last = false;
  if (const int status = begin(last)) return status;
  if (last && rng_.below(2) == 0) return EIO;
  if (const auto target = find(to)) used_ -= target->now.size();
  parent->change({{from.filename().string(), nullptr}, {to.filename().string(), node}});
  return last ? EIO : 0;
}

int SimulatedFiles::remove(const fs::path& path) {
  if (dead_) return EIO;
  const auto node = find(path);
  if (!node) return ENOENT;
  if (node->directory && !node->names.empty()) return ENOTEMPTY;
  bool last = false;
  if (const int status = begin(last)) return status;
  if (last && rng_.below(2) == 0) return EIO;
  used_ -= node->now.size();
  find(path.parent_path())->change({{path.filename().string(), nullptr}});
  return last ? EIO : 0;
}

int SimulatedFiles::list(const fs::path& path, std::vector<std::string>& names) {
  if (dead_) return EIO;
  const auto node = find(path);
  if (!node) return ENOENT;
  if (!node->directory) return ENOTDIR;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return 0;
}

bool SimulatedFiles::exists(const fs::path& path) const { return !dead_ && find(path) != nullptr; }
bool SimulatedFiles::is_directory(const fs::path& path) const {
  const auto node = find(path);
  return !dead_ && node && node->directory;
}

void SimulatedFiles::settle(Node& node, Loss loss, double survival) {
  const auto survives = [&] { return loss == Loss::AnySubset && rng_.uniform() < survival; };
  std::size_t first = 0;  // changes that survive whole, with Prefix
  const auto choose_first = [&](std::size_t changes) {
    first = loss == Loss::Prefix ? rng_.below(changes + 1) : 0;
  };
  if (node.directory) {
    choose_first(node.unsynced_names.size());
    for (std::size_t i = 0; i < node.unsynced_names.size(); ++i)
      if (i < first || survives()) Node::apply(node.durable_names, node.unsynced_names[i]);
    node.unsynced_names.clear();
    node.names = node.durable_names;
    for (const auto& [name, child] : node.names) settle(*child, loss, survival);
    return;
  }
  choose_first(node.unsynced.size());
  for (std::size_t i = 0; i < node.unsynced.size(); ++i) {
    Node::Change& change = node.unsynced[i];
    if (i < first || change.resizes) {
      if (i < first || survives()) Node::apply(node.durable, change);
      continue;
    }
    // The write that was cut off, or sectors that came through in any order.
    if (i == first && loss == Loss::Prefix) {
      change.bytes.resize(rng_.below(change.bytes.size() + 1));
      if (!change.bytes.empty()) Node::apply(node.durable, change);
    }
    for (std::uint64_t at = 0; at < change.bytes.size();) {
      const std::uint64_t length =
          std::min(kSector - (change.at + at) % kSector, change.bytes.size() - at);
      if (survives())
        Node::apply(node.durable, {false, change.at + at, change.bytes.substr(at, length)});
      at += length;
    }
  }
  // The length of a file may be known where its bytes are not: they are then zeros.
  if (loss == Loss::AnySubset && node.durable.size() < node.now.size() && rng_.below(4) == 0)
    node.durable.resize(node.now.size());
  node.unsynced.clear();
  node.now = node.durable;
}

void SimulatedFiles::count_bytes(const Node& node) {
  used_ += node.now.size();
  for (const auto& [name, child] : node.names) count_bytes(*child);
}

void SimulatedFiles::reboot(Loss loss) {
  if (loss != Loss::Process) {
    static constexpr double kSurvival[] = {0.1, 0.5, 0.9, 1.0};
    settle(*root_, loss, kSurvival[rng_.below(std::size(kSurvival))]);
  }
  dead_ = read_only = false;
  write_failure = sync_failure = read_failure = 0;
  capacity = UINT64_MAX;
  die_at.reset();
  trouble = nullptr;
  ++life_;
  used_ = 0;
  count_bytes(*root_);
}

std::vector<fs::path> SimulatedFiles::files_below(const fs::path& path) const {
  std::vector<fs::path> files;
  const auto node = find(path);
  if (!node) return files;
  for (const auto& [name, child] : node->names) {
    if (!child->directory) {
      files.push_back(path / name);
      continue;
    }
    const auto below = files_below(path / name);
    files.insert(files.end(), below.begin(), below.end());
  }
  return files;
}

std::string SimulatedFiles::content(const fs::path& path) const {
  const auto node = find(path);
  TROUPE_ASSERT(node && !node->directory, "no such file: " + path.string());
  return node->now;
}

void SimulatedFiles::damage(const fs::path& path, const std::string& content) {
  const auto node = find(path);
  TROUPE_ASSERT(node && !node->directory, "no such file: " + path.string());
  used_ += content.size();
  used_ -= node->now.size();
  node->now = node->durable = content;
  node->unsynced.clear();
}

}  // namespace troupe::test
