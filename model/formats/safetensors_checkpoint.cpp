#include "model/formats/safetensors_checkpoint.hpp"

#include <set>

#include "model/formats/json.hpp"
#include "model/formats/required_tensors.hpp"
#include "model/formats/safetensors.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::model {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShardsMax = 4096;  // each is an open mapping
constexpr std::uint64_t kIndexBytesMax = 64u << 20;

class SafetensorsCheckpoint final : public Checkpoint {
 public:
  SafetensorsCheckpoint(ModelConfig config, std::vector<SafetensorsFile> shards)
      : config_(std::move(config)), shards_(std::move(shards)) {
    for (const SafetensorsFile& shard : shards_)
      for (const auto& [name, entry] : shard.tensors()) entries_.emplace(name, &entry);
    for (const auto& [name, entry] : entries_) infos_.push_back(entry->info);
  }

  const ModelConfig& config() const override { return config_; }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Result<void> read_f32(std::string_view name, std::span<float> out) const override {
    const auto it = entries_.find(name);
    const SafetensorsEntry* entry = it == entries_.end() ? nullptr : it->second;
    TROUPE_TRY(check_read(entry == nullptr ? nullptr : &entry->info, name, out.size()));
    to_f32(entry->info.dtype, entry->bytes, out);
    return {};
  }
  std::span<const std::byte> raw(std::string_view name) const override {
    const auto it = entries_.find(name);
    return it == entries_.end() ? std::span<const std::byte>{} : it->second->bytes;
  }

 private:
  ModelConfig config_;
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, const SafetensorsEntry*, std::less<>> entries_;  // into shards_
  std::vector<TensorInfo> infos_;
};

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "The folder is damaged or not complete: fetch it again"};
}

/// File names of the shards. A name that leaves the folder is refused.
Result<std::set<std::string>> shard_names(const fs::path& index_path) {
  TROUPE_ASSIGN(const std::string text, real_disk().read(index_path, kIndexBytesMax));
  auto json = parse_json(text);
  if (!json) return json.error().in("'" + index_path.string() + "'");
  const Json* map = optional_field(*json, "weight_map");
  if (map == nullptr || !map->is_object())
    return corrupt("'" + index_path.string() + "' has no weight_map");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string())
      return corrupt("'" + index_path.string() + "': the file of '" + tensor + "' is no string");
    const auto name = file.get<std::string>();
    if (fs::path(name).filename() != fs::path(name) || !name.ends_with(".safetensors") ||
        name.find('\0') != std::string::npos)
      return corrupt("'" + index_path.string() + "': '" + tensor +
                     "' points outside the folder or not to a .safetensors file");
    names.insert(name);
    if (names.size() > kShardsMax)
      return corrupt("'" + index_path.string() + "' names too many files");
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> open_safetensors_checkpoint(const fs::path& folder) {
  TROUPE_ASSIGN(const std::string text, real_disk().read(folder / "config.json", 1u << 20));
  auto config = config_from_json(text);
  if (!config) return config.error().in("'" + (folder / "config.json").string() + "'");

  std::set<std::string> names{"model.safetensors"};
  const fs::path index = folder / "model.safetensors.index.json";
  if (real_disk().exists(index) && !real_disk().exists(folder / "model.safetensors")) {
    TROUPE_ASSIGN(names, shard_names(index));
  }
  std::vector<SafetensorsFile> shards;
  std::set<std::string> tensors;
  for (const std::string& name : names) {
    TROUPE_ASSIGN(SafetensorsFile shard, SafetensorsFile::open(folder / name));
    for (const auto& [tensor, entry] : shard.tensors())
      if (!tensors.insert(tensor).second)
        return corrupt("'" + (folder / name).string() + "': tensor '" + tensor +
                       "' is in another file too");
    shards.push_back(std::move(shard));
  }
  // Some exporters leave lm_head.weight out although nothing says that it is tied, as Hugging
  // Face's loader allows; here the configuration decides.
  auto checkpoint = std::make_unique<SafetensorsCheckpoint>(std::move(*config), std::move(shards));
  if (auto complete = check_complete(*checkpoint); !complete)
    return complete.error().in("'" + folder.string() + "'");
  return std::unique_ptr<Checkpoint>(std::move(checkpoint));
}

}  // namespace troupe::model
