// load_engine_library(): finds and opens libtroupe_engines.so. The only code outside it that knows
// its name.
#include <dlfcn.h>

#include <array>

#include "model/engine.hpp"

namespace troupe::model {
namespace {

constexpr const char* kName = "libtroupe_engines.so";

Result<EngineLibrary*> open_engine_library() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto beside = program.parent_path();
  const std::array<std::filesystem::path, 3> places = {beside / kName, beside / "lib" / kName,
                                                       beside.parent_path() / "lib" / kName};
  for (const auto& place : places) {
    if (!std::filesystem::exists(place, ignored)) continue;
    void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      return Error{ErrorCode::Io, place.string() + " cannot be opened: " + dlerror(),
                   "Run ./dev setup, which fetches LibTorch, and build again"};
    }
    using Entrance = EngineLibrary* (*)();
    const auto entrance = reinterpret_cast<Entrance>(dlsym(library, "troupe_engine_library"));
    if (!entrance) {
      return Error{ErrorCode::Corrupt, place.string() + " is not a library of engines",
                   "Build again with ./dev build"};
    }
    return entrance();
  }
  return Error{ErrorCode::NotFound,
               std::string(kName) + " is neither beside " + program.string() + " nor in its lib",
               "Build it with ./dev build (target troupe_engines)"};
}

}  // namespace

Result<EngineLibrary*> load_engine_library() {
  static const Result<EngineLibrary*> library = open_engine_library();
  return library;
}

}  // namespace troupe::model
