#include "actors/stages/dataset/parquet_library.hpp"

#include <dlfcn.h>

#include <array>
#include <filesystem>

namespace troupe::stages {
namespace fs = std::filesystem;

Result<ParquetLibrary*> load_parquet_library() {
  constexpr const char* kFile = "libtroupe_parquet.so";
  std::error_code code;
  const fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
  const std::array<fs::path, 3> candidates{folder / kFile, folder / "lib" / kFile,
                                           folder.parent_path() / "lib" / kFile};
  for (const fs::path& path : candidates) {
    if (!fs::exists(path, code)) continue;
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* symbol = handle == nullptr ? nullptr : ::dlsym(handle, "troupe_parquet_library");
    if (symbol == nullptr) {
      const char* why = ::dlerror();
      return Error{ErrorCode::Infra,
                   "cannot open '" + path.string() + "': " + (why ? why : "no reason given"),
                   "Build it again with './dev build'; if Arrow was moved, './dev setup' first"};
    }
    return reinterpret_cast<ParquetLibrary* (*)()>(symbol)();
  }
  return Error{ErrorCode::NotFound,
               "this build cannot read Parquet: Apache Arrow was not there when it was made",
               "Run './dev setup' (it fetches Arrow, 55 MB) and './dev build', or convert the file "
               "where you have pandas: pandas.read_parquet(FILE).to_json(OUT, orient=\"records\", "
               "lines=True)"};
}

}  // namespace troupe::stages
