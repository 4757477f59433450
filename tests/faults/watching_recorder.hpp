#pragma once
// WatchingRecorder: the run's own recorder with the books of the test beside it. Writes the files
// that an engine would write into a checkpoint. One thread.
#include <memory>

#include "actors/cli/run_recorder.hpp"
#include "tests/faults/books.hpp"

namespace troupe::test {

/// What the checkpoint of a step must hold, by the path in its folder.
std::map<std::string, std::string> checkpoint_files(std::uint32_t step);

class WatchingRecorder final : public runtime::Recorder {
 public:
  /// Books that are not whole (Books::keep_only_uses) know of a redone step only what it trained.
  WatchingRecorder(cli::RunRecorder& inner, Disk& disk, Books& books, std::uint32_t group_size,
                   bool books_are_whole)
      : inner_(inner),
        disk_(disk),
        books_(books),
        group_size_(group_size),
        books_are_whole_(books_are_whole) {
    synced_ = inner.ledger().commit_stats().sequence;
  }

  Result<std::vector<std::uint16_t>> admitted(const GroupId& group, std::uint64_t number,
                                              Version version, std::uint32_t size) override;
  Result<void> refilled(const runtime::EndedSample& failed, const SampleId& again) override;
  Result<void> journal(const runtime::BatchRecord& batch) override;
  Result<runtime::BatchRecord> journaled(std::uint32_t step) override {
    return inner_.journaled(step);
  }
  Result<void> redone(Version version, const runtime::BatchRecord& batch,
                      const std::vector<runtime::EndedSample>& samples) override;
  Result<void> used(Version version, const std::vector<GroupId>& groups) override;
  Result<void> ended(const runtime::EndedSample& sample, std::uint32_t step) override;
  Result<void> stepped(Version version, const runtime::Metrics& metrics) override {
    return inner_.stepped(version, metrics);
  }
  Result<void> measured(const std::string& stage, std::uint32_t step,
                        const runtime::Metrics& metrics) override {
    return inner_.measured(stage, step, metrics);
  }
  Result<std::filesystem::path> begin_checkpoint(std::uint32_t step) override;
  Result<void> commit_checkpoint(Version version) override;
  void note(runtime::Severity severity, const std::string& stage,
            const std::string& text) override {
    inner_.note(severity, stage, text);
  }
  Result<void> commit() override { return inner_.commit(); }

  /// Everything in flight ends, as at the end of a session.
  Result<void> end_left_over();
  /// Sequence numbers up to which everything was acknowledged, and acknowledged as synced.
  std::uint64_t acknowledged() const { return inner_.ledger().commit_stats().sequence; }
  std::uint64_t synced() const { return synced_; }
  std::optional<std::uint32_t> checkpoint() const { return checkpoint_; }
  /// Last step whose batch was acknowledged as journaled; 0 if none was in this life.
  std::uint32_t journaled_until() const { return journaled_until_; }
  /// Steps that were trained again from the journal.
  std::uint32_t steps_redone() const { return steps_redone_; }

 private:
  template <class T>
  Result<T> noted(Result<T> done, Fact fact) {
    fact.sequence = inner_.ledger().sequence();
    // An event is in the ledger's memory even if the commit that it caused failed.
    if (fact.sequence > last_) books_.add(std::move(fact));
    last_ = inner_.ledger().sequence();
    return done;
  }
  std::vector<Fact> lacking_of(Version version, const runtime::BatchRecord& batch,
                               const std::vector<runtime::EndedSample>& samples) const;
  cli::RunRecorder& inner_;
  Disk& disk_;
  Books& books_;
  std::uint32_t group_size_ = 1;
  bool books_are_whole_ = true;
  std::uint32_t journaled_until_ = 0, steps_redone_ = 0;
  std::uint64_t synced_ = 0, last_ = inner_.ledger().sequence();
  std::map<std::uint32_t, std::filesystem::path> begun_;
  std::optional<std::uint32_t> checkpoint_;
};

}  // namespace troupe::test
