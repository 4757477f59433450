#include "model/engines/optimizer_state.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "model/formats/checkpoint_writer.hpp"
#include "model/formats/safetensors.hpp"
#include "model/formats/safetensors_writer.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::model {
namespace {

constexpr int kFormat = 1;

template <class T>
constexpr Dtype kStored = std::is_same_v<T, float> ? Dtype::F32 : Dtype::BF16;

template <class T>
void append(std::vector<TensorToWrite>& out, const std::string& prefix, const Architecture& a,
            const T* flat) {
  for (const Parameter& p : a.parameters) {
    out.push_back({{prefix + p.name, p.shape, kStored<T>},
                   std::as_bytes(std::span(flat + p.offset, p.elements))});
  }
}

template <class T>
Result<void> read(const SafetensorsFile& file, const std::filesystem::path& path,
                  const std::string& prefix, const Architecture& a, T* flat) {
  for (const Parameter& p : a.parameters) {
    const auto found = file.tensors().find(prefix + p.name);
    const std::size_t bytes = static_cast<std::size_t>(p.elements) * sizeof(T);
    if (found == file.tensors().end() || found->second.info.dtype != kStored<T> ||
        found->second.info.shape != p.shape || found->second.bytes.size() != bytes) {
      return Error{ErrorCode::Corrupt,
                   path.string() + ": tensor " + prefix + p.name +
                       " is missing or has another type or shape than the model",
                   "Resume from another checkpoint of the same model and dtype"};
    }
    std::memcpy(static_cast<void*>(flat + p.offset), found->second.bytes.data(), bytes);
  }
  return {};
}

}  // namespace

template <class T>
Result<void> save_training(const std::filesystem::path& folder, const Architecture& a,
                           const T* weights, const Optimizer& optimizer, const T* reference,
                           const Tokenizer* tokenizer) {
  Disk& disk = real_disk();
  if (disk.exists(folder)) {
    return Error{ErrorCode::Conflict, folder.string() + " exists already",
                 "Save into a folder that does not exist"};
  }
  const auto model = folder / "model", state = folder / "optimizer";
  TROUPE_TRY(disk.make_directories(model));
  TROUPE_TRY(disk.make_directories(state));

  std::vector<TensorToWrite> tensors;
  append(tensors, "", a, weights);
  TROUPE_TRY(write_safetensors(disk, model / "model.safetensors", tensors));
  ModelConfig config = a.config;
  config.torch_dtype = std::is_same_v<T, float> ? "float32" : "bfloat16";
  TROUPE_TRY(disk.replace(model / "config.json", config_to_json(config)));
  TROUPE_TRY(disk.replace(model / "generation_config.json", generation_config_to_json(config)));
  if (tokenizer != nullptr) {
    const TokenizerData& data = tokenizer->data();
    TROUPE_TRY(disk.replace(model / "tokenizer.json", tokenizer_to_json(data)));
    TROUPE_TRY(
        disk.replace(model / "tokenizer_config.json", tokenizer_config_to_json(data, config)));
  }

  tensors.clear();
  append(tensors, "master.", a, optimizer.master());
  append(tensors, "m.", a, optimizer.first_moment());
  append(tensors, "v.", a, optimizer.second_moment());
  if (reference) append(tensors, "reference.", a, reference);
  TROUPE_TRY(write_safetensors(disk, state / "state.safetensors", tensors));
  const nlohmann::json about = {{"format", kFormat}, {"adamw_steps", optimizer.steps()}};
  TROUPE_TRY(disk.replace(state / "state.json", about.dump(2) + "\n"));

  TROUPE_TRY(disk.sync_directory(model));
  TROUPE_TRY(disk.sync_directory(state));
  return disk.sync_directory(folder);
}

Result<void> load_optimizer(const std::filesystem::path& folder, const Architecture& a,
                            Optimizer& optimizer) {
  const auto about = folder / "optimizer" / "state.json";
  TROUPE_ASSIGN(const std::string text, real_disk().read(about));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::json()) != kFormat ||
      !json.contains("adamw_steps") || !json["adamw_steps"].is_number_unsigned()) {
    return Error{ErrorCode::Corrupt, about.string() + " is not what this version writes",
                 "Resume from another checkpoint"};
  }
  const auto path = folder / "optimizer" / "state.safetensors";
  TROUPE_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
  TROUPE_TRY(read(file, path, "master.", a, optimizer.master()));
  TROUPE_TRY(read(file, path, "m.", a, optimizer.first_moment()));
  TROUPE_TRY(read(file, path, "v.", a, optimizer.second_moment()));
  optimizer.set_steps(json["adamw_steps"].get<std::uint64_t>());
  return {};
}

template <class T>
Result<bool> load_reference(const std::filesystem::path& folder, const Architecture& a,
                            T* reference) {
  const auto path = folder / "optimizer" / "state.safetensors";
  TROUPE_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
  if (file.tensors().find("reference." + a.parameters[0].name) == file.tensors().end()) {
    return false;
  }
  TROUPE_TRY(read(file, path, "reference.", a, reference));
  return true;
}

#define TROUPE_INSTANTIATE(T)                                                                    \
  template Result<void> save_training<T>(const std::filesystem::path&, const Architecture&,      \
                                         const T*, const Optimizer&, const T*,                  \
                                         const Tokenizer*);                                      \
  template Result<bool> load_reference<T>(const std::filesystem::path&, const Architecture&, T*);
TROUPE_INSTANTIATE(Bf16)
TROUPE_INSTANTIATE(float)

}  // namespace troupe::model
