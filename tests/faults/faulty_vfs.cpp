#include "tests/faults/faulty_vfs.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <new>

#include "schemas/base/assert.hpp"

namespace troupe::test {
namespace fs = std::filesystem;

namespace {

constexpr int kShmLocks = SQLITE_SHM_NLOCK;

/// What connections to one database file share.
struct Shared {
  std::uint64_t life = 0;
  int users = 0;  // connections that have mapped memory
  std::vector<std::unique_ptr<char[]>> regions;
  std::array<int, kShmLocks> readers{};
  std::array<bool, kShmLocks> writer{};
  // Locks of the database file itself.
  int shared = 0;
  const void* reserved = nullptr;
  const void* exclusive = nullptr;
};

}  // namespace

struct FaultyVfs::State {
  SimulatedFiles& files;
  int last_errno = 0;
  std::map<std::string, Shared> shared;

  Shared& of(const std::string& path) {
    Shared& found = shared[path];
    if (found.life != files.life()) {
      found = Shared();
      found.life = files.life();
    }
    return found;
  }
  int failed(int number, int code) {
    last_errno = number;
    return number == ENOSPC ? SQLITE_FULL : code;
  }
};

namespace {

struct File {
  sqlite3_file base;
  FaultyVfs::State* state;
  SimulatedFiles::Open open;
  std::string path;
  bool sync_directory = false;  // at the next sync: the name is new
  bool remove_on_close = false;
  bool read_only = false;
  int level = SQLITE_LOCK_NONE;
  bool mapped = false;
  unsigned shm_shared = 0, shm_exclusive = 0;  // bits by slot
};

File& as_file(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
FaultyVfs::State& as_state(sqlite3_vfs* vfs) {
  return *static_cast<FaultyVfs::State*>(vfs->pAppData);
}

int unlock(sqlite3_file* base, int level) {
  File& file = as_file(base);
  if (file.open.life != file.state->files.life()) return SQLITE_OK;
  Shared& shared = file.state->of(file.path);
  if (level < SQLITE_LOCK_RESERVED) {
    if (shared.reserved == &file) shared.reserved = nullptr;
    if (shared.exclusive == &file) shared.exclusive = nullptr;
  }
  if (level == SQLITE_LOCK_NONE && file.level >= SQLITE_LOCK_SHARED) --shared.shared;
  file.level = std::min(file.level, level);
  return SQLITE_OK;
}

int lock(sqlite3_file* base, int level) {
  File& file = as_file(base);
  if (file.level >= level) return SQLITE_OK;
  Shared& shared = file.state->of(file.path);
  const auto others = [&](const void* holder) { return holder != nullptr && holder != &file; };
  if (others(shared.exclusive)) return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_RESERVED && others(shared.reserved)) return SQLITE_BUSY;
  if (file.level == SQLITE_LOCK_NONE) ++shared.shared;
  file.level = std::max(file.level, static_cast<int>(SQLITE_LOCK_SHARED));
  if (level >= SQLITE_LOCK_RESERVED) shared.reserved = &file;
  if (level >= SQLITE_LOCK_EXCLUSIVE) {
    if (shared.shared > 1) return SQLITE_BUSY;
    shared.exclusive = &file;
  }
  file.level = level;
  return SQLITE_OK;
}

int check_reserved(sqlite3_file* base, int* reserved) {
  File& file = as_file(base);
  *reserved = file.state->of(file.path).reserved != nullptr;
  return SQLITE_OK;
}

int shm_map(sqlite3_file* base, int index, int size, int extend, void volatile** memory) {
  File& file = as_file(base);
  if (file.state->files.dead()) return SQLITE_IOERR_SHMMAP;
  Shared& shared = file.state->of(file.path);
  if (!file.mapped) {
    file.mapped = true;
    ++shared.users;
  }
  *memory = nullptr;
  const auto at = static_cast<std::size_t>(index);
  if (at >= shared.regions.size() && !extend) return SQLITE_OK;
  while (at >= shared.regions.size())
    shared.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  *memory = shared.regions[at].get();
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* base, int first, int count, int flags) {
  File& file = as_file(base);
  if (file.state->files.dead() || file.open.life != file.state->files.life())
    return SQLITE_IOERR_SHMLOCK;
  Shared& shared = file.state->of(file.path);
  const auto begin = static_cast<std::size_t>(first);
  const auto end = begin + static_cast<std::size_t>(count);
  for (std::size_t slot = begin; slot < end; ++slot) {
    const unsigned bit = 1u << slot;
    const int other_readers = shared.readers[slot] - ((file.shm_shared & bit) ? 1 : 0);
    const bool other_writer = shared.writer[slot] && !(file.shm_exclusive & bit);
    if (!(flags & SQLITE_SHM_LOCK)) continue;
    if (other_writer) return SQLITE_BUSY;
    if ((flags & SQLITE_SHM_EXCLUSIVE) && other_readers > 0) return SQLITE_BUSY;
  }
  for (std::size_t slot = begin; slot < end; ++slot) {
    const unsigned bit = 1u << slot;
    const bool is_exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    unsigned& mine = is_exclusive ? file.shm_exclusive : file.shm_shared;
    const bool has = (mine & bit) != 0, wants = (flags & SQLITE_SHM_LOCK) != 0;
    if (has == wants) continue;
    mine ^= bit;
    if (is_exclusive)
      shared.writer[slot] = wants;
    else
      shared.readers[slot] += wants ? 1 : -1;
  }
  return SQLITE_OK;
}

void shm_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }

int shm_unmap(sqlite3_file* base, int) {
  File& file = as_file(base);
  if (!file.mapped || file.open.life != file.state->files.life()) return SQLITE_OK;
  file.mapped = false;
  Shared& shared = file.state->of(file.path);
  for (std::size_t slot = 0; slot < kShmLocks; ++slot) {
    if (file.shm_shared & (1u << slot)) --shared.readers[slot];
    if (file.shm_exclusive & (1u << slot)) shared.writer[slot] = false;
  }
  file.shm_shared = file.shm_exclusive = 0;
  if (--shared.users == 0) shared.regions.clear();  // the first to come finds zeros
  return SQLITE_OK;
}

int close(sqlite3_file* base) {
  File& file = as_file(base);
  shm_unmap(base, 0);
  unlock(base, SQLITE_LOCK_NONE);
  if (file.remove_on_close) (void)file.state->files.remove(file.path);
  file.~File();
  return SQLITE_OK;
}

int read(sqlite3_file* base, void* bytes, int count, sqlite3_int64 offset) {
  File& file = as_file(base);
  std::size_t got = 0;
  const std::span<char> into(static_cast<char*>(bytes), static_cast<std::size_t>(count));
  const int number =
      file.state->files.read(file.open, static_cast<std::uint64_t>(offset), into, got);
  if (number != 0) return file.state->failed(number, SQLITE_IOERR_READ);
  if (got == into.size()) return SQLITE_OK;
  std::memset(into.data() + got, 0, into.size() - got);
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* base, const void* bytes, int count, sqlite3_int64 offset) {
  File& file = as_file(base);
  if (file.read_only) return file.state->failed(EBADF, SQLITE_IOERR_WRITE);
  const int number =
      file.state->files.write(file.open, static_cast<std::uint64_t>(offset),
                              {static_cast<const char*>(bytes), static_cast<std::size_t>(count)});
  return number == 0 ? SQLITE_OK : file.state->failed(number, SQLITE_IOERR_WRITE);
}

int truncate(sqlite3_file* base, sqlite3_int64 size) {
  File& file = as_file(base);
  if (file.read_only) return file.state->failed(EBADF, SQLITE_IOERR_TRUNCATE);
  const int number = file.state->files.resize(file.open, static_cast<std::uint64_t>(size));
  return number == 0 ? SQLITE_OK : file.state->failed(number, SQLITE_IOERR_TRUNCATE);
}

int sync(sqlite3_file* base, int) {
  File& file = as_file(base);
  if (file.read_only) return SQLITE_OK;  // nothing is waiting
  if (const int number = file.state->files.sync(file.open))
    return file.state->failed(number, SQLITE_IOERR_FSYNC);
  if (file.sync_directory) {
    file.sync_directory = false;
    if (const int number = file.state->files.sync_directory(fs::path(file.path).parent_path()))
      return file.state->failed(number, SQLITE_IOERR_DIR_FSYNC);
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* base, sqlite3_int64* size) {
  File& file = as_file(base);
  *size = static_cast<sqlite3_int64>(file.state->files.size(file.open));
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods = {2,
                                     close,
                                     read,
                                     write,
                                     truncate,
                                     sync,
                                     file_size,
                                     lock,
                                     unlock,
                                     check_reserved,
                                     file_control,
                                     sector_size,
                                     characteristics,
                                     shm_map,
                                     shm_lock,
                                     shm_barrier,
                                     shm_unmap,
                                     nullptr,
                                     nullptr};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags, int* out_flags) {
  base->pMethods = nullptr;
  FaultyVfs::State& state = as_state(vfs);
  TROUPE_ASSERT(name != nullptr, "SQLite wants a temporary file: not simulated");
  const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
  const bool fresh = create && !state.files.exists(name);
  SimulatedFiles::Open opened;
  if (const int number = state.files.open(name, create, false, opened))
    return state.failed(number, SQLITE_CANTOPEN);
  File* file = new (base) File{};
  file->state = &state;
  file->open = std::move(opened);
  file->path = name;
  file->sync_directory = fresh && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  file->remove_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  // As "unix" does it where a file cannot be opened to be written.
  if (state.files.read_only) flags = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
  file->read_only = (flags & SQLITE_OPEN_READONLY) != 0;
  base->pMethods = &kMethods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  FaultyVfs::State& state = as_state(vfs);
  const int number = state.files.remove(name);
  if (number == ENOENT) return SQLITE_IOERR_DELETE_NOENT;
  if (number != 0) return state.failed(number, SQLITE_IOERR_DELETE);
  if (sync_directory && state.files.sync_directory(fs::path(name).parent_path()) != 0)
    return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int access(sqlite3_vfs* vfs, const char* name, int flags, int* yes) {
  FaultyVfs::State& state = as_state(vfs);
  *yes = state.files.exists(name) && !(flags == SQLITE_ACCESS_READWRITE && state.files.read_only);
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", fs::path(name).lexically_normal().c_str());
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int count, char* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<char>(as_state(vfs).files.rng().below(256));
  return count;
}
int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
int current_time(sqlite3_vfs*, double* days) {
  *days = 2461000.5;
  return SQLITE_OK;
}
int last_error(sqlite3_vfs* vfs, int, char*) { return as_state(vfs).last_errno; }

}  // namespace

FaultyVfs::FaultyVfs(SimulatedFiles& files)
    : state_(new State{files, 0, {}}), vfs_(std::make_unique<sqlite3_vfs>()) {
  name_ = fmt::format("faulty-{}", static_cast<const void*>(this));
  sqlite3_vfs& vfs = *vfs_;
  std::memset(&vfs, 0, sizeof vfs);
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(File);
  vfs.mxPathname = 512;
  vfs.zName = name_.c_str();
  vfs.pAppData = state_.get();
  vfs.xOpen = open;
  vfs.xDelete = remove;
  vfs.xAccess = access;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = randomness;
  vfs.xSleep = sleep;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = last_error;
  TROUPE_ASSERT(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK, "registering a VFS");
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(vfs_.get()); }

}  // namespace troupe::test
