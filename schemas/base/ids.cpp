#include "schemas/base/ids.hpp"

namespace troupe {

std::string to_string(const PromptId& id) {
  return std::to_string(id.dataset) + "." + std::to_string(id.epoch) + "." +
         std::to_string(id.row);
}

std::string to_string(const SampleId& id) {
  std::string text = to_string(id.prompt) + "/" + std::to_string(id.sibling);
  if (id.attempt > 0) text += "+" + std::to_string(id.attempt);
  return text;
}

std::string to_string(const Version& version) {
  std::string text = std::to_string(version.step);
  if (version.incarnation > 0) text += "'" + std::to_string(version.incarnation);
  return text;
}

}  // namespace troupe
