#include "model/formats/tensor_source.hpp"

#include <algorithm>

#include "model/formats/required_tensors.hpp"

namespace troupe::model {

std::int64_t TensorInfo::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;  // readers checked that this fits
  return count;
}

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto& list = tensors();
  const auto it =
      std::lower_bound(list.begin(), list.end(), name,
                       [](const TensorInfo& a, std::string_view b) { return a.name < b; });
  return it != list.end() && it->name == name ? &*it : nullptr;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Result<void> check_complete(const Checkpoint& checkpoint) {
  // A configuration may claim more layers than the file could ever hold: look before listing.
  const ModelConfig& config = checkpoint.config();
  if (static_cast<std::size_t>(config.num_hidden_layers) > checkpoint.tensors().size())
    return Error{ErrorCode::Corrupt,
                 "it has " + std::to_string(checkpoint.tensors().size()) + " tensors for " +
                     std::to_string(config.num_hidden_layers) + " layers",
                 "The file is damaged or not complete: fetch it again"};
  for (const TensorInfo& wanted : expected_tensors(config)) {
    const TensorInfo* found = checkpoint.find(wanted.name);
    if (found == nullptr)
      return Error{ErrorCode::Corrupt, "tensor '" + wanted.name + "' is missing",
                   "The file is damaged or not complete: fetch it again"};
    if (found->shape != wanted.shape)
      return Error{ErrorCode::Corrupt,
                   "tensor '" + wanted.name + "' has shape " + shape_text(found->shape) +
                       ", the configuration says " + shape_text(wanted.shape),
                   "Configuration and tensors are of different models: fetch both again"};
  }
  return {};
}

Result<void> check_read(const TensorInfo* info, std::string_view name, std::size_t out_size) {
  if (info == nullptr)
    return Error{ErrorCode::NotFound, "there is no tensor '" + std::string(name) + "'",
                 "Check the name; tensors() lists all"};
  if (static_cast<std::size_t>(info->elements()) != out_size)
    return Error{ErrorCode::InvalidArgument,
                 "tensor '" + info->name + "' has " + std::to_string(info->elements()) +
                     " elements, room was given for " + std::to_string(out_size),
                 "Give room for exactly its elements"};
  return {};
}

}  // namespace troupe::model
