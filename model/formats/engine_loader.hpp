#pragma once
// Opening the engine library from given places; load_engine_library() of model/engine.hpp looks
// beside the program. The library is never closed: its vtables and threads may be in use until the
// process ends. Any thread.
#include <filesystem>
#include <span>

#include "model/engine.hpp"

namespace troupe::model {

/// The first of `candidates` that exists is opened. It must have the C symbol
/// `troupe::model::EngineLibrary* troupe_engine_library()`. NotFound, Infra.
Result<EngineLibrary*> load_engine_library_from(std::span<const std::filesystem::path> candidates);

}  // namespace troupe::model
