#pragma once
// What a data file is by its first bytes, and the content of compressed ones. Files come from
// anywhere: damaged ones give errors. Pure but for the disk; any thread.
#include <filesystem>
#include <memory>

#include "schemas/base/disk.hpp"

namespace troupe::stages {

enum class FileShape { Plain, Gzip, Zstd, Parquet };

/// Unsupported: a kind of file that is known and cannot be read here, with what to do.
Result<FileShape> shape_of_file(const DiskReader& file, const std::filesystem::path& path);

/// The content of a Gzip or Zstd file (several members or frames are one content). Corrupt, and
/// what the disk says.
Result<std::unique_ptr<DiskReader>> unpacked(const DiskReader& file, FileShape shape,
                                             const std::filesystem::path& path, Disk& disk);

}  // namespace troupe::stages
