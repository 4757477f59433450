#pragma once
// Where tests find the small real model; empty when it is not there.
#include <cstdlib>
#include <filesystem>

inline std::filesystem::path model_file() {
  if (const char* given = std::getenv("TROUPE_MODEL"); given != nullptr && *given != '\0')
    return given;
  const std::filesystem::path usual =
      std::filesystem::path(TROUPE_SOURCE_DIR) / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  return std::filesystem::exists(usual) ? usual : std::filesystem::path();
}
inline constexpr const char* kNoModel =
    "the small real model is not there; './dev setup' fetches it, or set TROUPE_MODEL to its path";
