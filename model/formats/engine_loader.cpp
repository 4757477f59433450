#include "model/formats/engine_loader.hpp"

#include <dlfcn.h>

#include <array>

namespace troupe::model {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "libtroupe_engines.so";
constexpr const char* kSymbol = "troupe_engine_library";

std::string last_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "no reason given" : text;
}

Result<EngineLibrary*> open_library(const fs::path& path) {
  // Local: LibTorch's symbols must not get in the way of the program's own libraries. Now: a
  // missing symbol shows here and not in the middle of a run.
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    return Error{ErrorCode::Infra,
                 "cannot open the engines '" + path.string() + "': " + last_error(),
                 "Build them again with './dev build'; if LibTorch was moved, set TROUPE_LIBTORCH "
                 "to its folder first"};
  void* symbol = ::dlsym(handle, kSymbol);
  if (symbol == nullptr)
    return Error{ErrorCode::Infra,
                 "'" + path.string() +
                     "' is not an engine library of this program: " + last_error(),
                 "Build it again with './dev build'"};
  auto* function = reinterpret_cast<EngineLibrary* (*)()>(symbol);
  EngineLibrary* library = function();
  if (library == nullptr)
    return Error{ErrorCode::Infra, "the engines in '" + path.string() + "' did not start",
                 "Build them again with './dev build'"};
  return library;
}

}  // namespace

Result<EngineLibrary*> load_engine_library_from(std::span<const fs::path> candidates) {
  std::string tried;
  for (const fs::path& path : candidates) {
    std::error_code code;
    if (fs::exists(path, code)) return open_library(path);
    tried += (tried.empty() ? "'" : ", '") + path.string() + "'";
  }
  return Error{ErrorCode::NotFound, "the engines are not built (looked for " + tried + ")",
               "Run './dev build': it fetches LibTorch and builds them; with a LibTorch of your "
               "own, set TROUPE_LIBTORCH to its folder first"};
}

Result<EngineLibrary*> load_engine_library() {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (code)
    return Error{ErrorCode::Io, "cannot tell where this program is: " + code.message(),
                 "Is /proc mounted?"};
  const fs::path folder = program.parent_path();
  const std::array<fs::path, 3> candidates{folder / kFile, folder / "lib" / kFile,
                                           folder.parent_path() / "lib" / kFile};
  return load_engine_library_from(candidates);
}

}  // namespace troupe::model
