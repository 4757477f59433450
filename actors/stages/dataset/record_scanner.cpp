#include "actors/stages/dataset/record_scanner.hpp"

#include <algorithm>

namespace troupe::stages {

RecordScanner::RecordScanner(const DiskReader& file, RecordForm form, std::uint64_t offset,
                             std::size_t piece_bytes)
    : file_(file),
      form_(form),
      piece_bytes_(piece_bytes),
      read_to_(offset),
      machine_(form.delimiter) {}

std::size_t RecordScanner::find_end(std::size_t seen) {
  if (!form_.csv) return buffer_.find('\n', at_ + seen);
  for (std::size_t i = at_ + seen; i < buffer_.size(); ++i) {
    if (machine_.feed(buffer_[i]) == CsvMachine::Step::EndRecord) return i;
  }
  return std::string::npos;
}

Result<void> RecordScanner::read_more() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + piece_bytes_);
  TROUPE_ASSIGN(const std::size_t got,
                file_.read_at(read_to_, std::span(buffer_.data() + before, piece_bytes_)));
  buffer_.resize(before + got);
  read_to_ += got;
  at_end_ = got < piece_bytes_;
  return {};
}

Result<bool> RecordScanner::next(Record& record) {
  std::size_t seen = 0;
  std::size_t end = std::string::npos;
  std::uint64_t dropped = 0;  // bytes of a record that is too long
  std::uint64_t lines = 0;    // inside those
  machine_ = CsvMachine(form_.delimiter);
  while ((end = find_end(seen)) == std::string::npos && !at_end_) {
    seen = buffer_.size() - at_;
    if (seen > kRecordBytesMax) {
      lines += static_cast<std::uint64_t>(
          std::count(buffer_.begin() + static_cast<long>(at_), buffer_.end(), '\n'));
      dropped += seen;
      at_ = buffer_.size();
      seen = 0;
    }
    TROUPE_TRY(read_more());
  }
  if (end == std::string::npos) {
    if (buffer_.size() == at_ && dropped == 0) return false;
    end = buffer_.size();
  }
  record.text = std::string_view(buffer_).substr(at_, end - at_);
  record.offset = read_to_ - (buffer_.size() - at_) - dropped;
  record.line = line_;
  record.too_long = dropped + record.text.size() > kRecordBytesMax;
  lines += static_cast<std::uint64_t>(std::count(record.text.begin(), record.text.end(), '\n'));
  line_ += lines + 1;
  at_ = std::min(end + 1, buffer_.size());
  if (record.too_long) record.text = {};
  if (!form_.csv && record.text.ends_with('\r')) record.text.remove_suffix(1);
  return true;
}

}  // namespace troupe::stages
