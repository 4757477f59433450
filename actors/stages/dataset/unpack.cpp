#include "actors/stages/dataset/unpack.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>

namespace troupe::stages {
namespace {

constexpr std::size_t kPieceBytes = 256u << 10;

Error damaged(const std::filesystem::path& path, const std::string& why) {
  return Error{ErrorCode::Corrupt, path.string() + " cannot be unpacked: " + why,
               "Is the file whole? Compress or fetch it again"};
}

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, 15 + 32) == Z_OK; }  // gzip or zlib by its header
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<void> run(const DiskReader& from, ScratchFile& to, const std::filesystem::path& path) {
    if (!ready_) return damaged(path, "no memory");
    std::string in(kPieceBytes, '\0'), out(kPieceBytes, '\0');
    bool ended = false;
    for (std::uint64_t at = 0;;) {
      TROUPE_ASSIGN(const std::size_t got, from.read_at(at, in));
      at += got;
      if (got == 0) break;
      stream_.next_in = reinterpret_cast<Bytef*>(in.data());
      stream_.avail_in = static_cast<uInt>(got);
      while (stream_.avail_in > 0) {
        if (ended) {  // one more member
          inflateReset(&stream_);
          ended = false;
        }
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        const int status = inflate(&stream_, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
          return damaged(path, stream_.msg != nullptr ? stream_.msg : "it is damaged");
        TROUPE_TRY(to.append(std::string_view(out).substr(0, out.size() - stream_.avail_out)));
        ended = status == Z_STREAM_END;
        if (status == Z_BUF_ERROR && stream_.avail_in > 0 && stream_.avail_out == out.size())
          return damaged(path, "it is damaged");
      }
      // What fills the window exactly may leave more to give without new input.
      while (!ended) {
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        const int status = inflate(&stream_, Z_NO_FLUSH);
        const std::size_t made = out.size() - stream_.avail_out;
        TROUPE_TRY(to.append(std::string_view(out).substr(0, made)));
        ended = status == Z_STREAM_END;
        if (made == 0) break;
      }
    }
    if (!ended) return damaged(path, "its end is missing");
    return {};
  }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
};

Result<void> unpack_zstd(const DiskReader& from, ScratchFile& to,
                         const std::filesystem::path& path) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                        ZSTD_freeDCtx);
  if (!context) return damaged(path, "no memory");
  std::string in(kPieceBytes, '\0'), out(kPieceBytes, '\0');
  std::size_t wanted = 1;
  for (std::uint64_t at = 0;;) {
    TROUPE_ASSIGN(const std::size_t got, from.read_at(at, in));
    at += got;
    if (got == 0) break;
    ZSTD_inBuffer input{in.data(), got, 0};
    bool full = false;
    while (input.pos < input.size || full) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      wanted = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(wanted) != 0) return damaged(path, ZSTD_getErrorName(wanted));
      TROUPE_TRY(to.append(std::string_view(out).substr(0, output.pos)));
      full = output.pos == out.size();
    }
  }
  if (wanted != 0) return damaged(path, "its end is missing");
  return {};
}

}  // namespace

Result<FileShape> shape_of_file(const DiskReader& file, const std::filesystem::path& path) {
  std::array<char, 8> first{};
  TROUPE_ASSIGN(const std::size_t got, file.read_at(0, first));
  const std::string_view magic(first.data(), got);
  const auto begins = [&](std::string_view text) { return magic.starts_with(text); };
  const auto unsupported = [&](const std::string& what, const std::string& help) {
    return Error{ErrorCode::Unsupported, path.string() + " is " + what, help};
  };
  if (begins("\x1f\x8b")) return FileShape::Gzip;
  if (begins("\x28\xb5\x2f\xfd")) return FileShape::Zstd;
  if (begins("PAR1")) return FileShape::Parquet;
  if (begins("BZh")) return unsupported("compressed by bzip2", "Unpack it first: bunzip2");
  if (begins("\xfd"
             "7zXZ"))
    return unsupported("compressed by xz", "Unpack it first: unxz");
  if (begins("PK\x03\x04"))
    return unsupported("a zip or spreadsheet file",
                       "Unpack it first, or save the sheet as CSV in UTF-8");
  if (begins("ARROW1"))
    return unsupported("an Arrow file", "Save it as Parquet: dataset.to_parquet(...)");
  if (begins("\xff\xfe") || begins("\xfe\xff"))
    return unsupported("text in UTF-16", "Save it in UTF-8: iconv -f UTF-16 -t UTF-8");
  return FileShape::Plain;
}

Result<std::unique_ptr<DiskReader>> unpacked(const DiskReader& file, FileShape shape,
                                             const std::filesystem::path& path, Disk& disk) {
  TROUPE_ASSIGN(auto scratch, disk.scratch());
  if (shape == FileShape::Gzip)
    TROUPE_TRY(Inflater().run(file, *scratch, path));
  else
    TROUPE_TRY(unpack_zstd(file, *scratch, path));
  return std::unique_ptr<DiskReader>(std::move(scratch));
}

}  // namespace troupe::stages
