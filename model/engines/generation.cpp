#include "model/engines/generation.hpp"

#include <algorithm>
#include <new>

#include "model/engines/failure.hpp"
#include "model/engines/matmul.hpp"
#include "model/engines/sampler.hpp"

namespace troupe::model {
namespace {

// Tokens of prompts computed in one pass: enough for full speed, little enough that running
// sequences wait less than about a second.
constexpr std::int64_t kPrefillTokens = 2048;

// Products of a few rows (1 in bf16; 1 to 3, 5 to 7 and 9 in f32) add in another order than those
// of many. Rows are padded to a multiple of this, so that a token does not depend on the batch.
constexpr std::int64_t kRowMultiple = 4;

std::int64_t padded_rows(const Architecture& a, std::int64_t rows) {
  const std::int64_t multiple = a.exact ? kExactRows : kRowMultiple;
  return (rows + multiple - 1) / multiple * multiple;
}

}  // namespace

template <class T>
LlamaGeneration<T>::LlamaGeneration(Ptr weights, const GenerationConfig& config,
                                    std::shared_ptr<PagePool<T>> pool,
                                    std::shared_ptr<CoreLease> lease, unsigned threads)
    : a_(weights->architecture()),
      config_(config),
      lease_(std::move(lease)),
      threads_(threads),
      weights_(std::move(weights)),
      pool_(std::move(pool)),
      thread_([this] { run(); }) {}

template <class T>
LlamaGeneration<T>::~LlamaGeneration() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

template <class T>
void LlamaGeneration<T>::submit(GenerationRequest request, OnSample on_sample) {
  auto group = std::make_shared<Group>();
  group->request = std::move(request);
  group->on_sample = std::move(on_sample);
  {
    std::lock_guard lock(mutex_);
    incoming_.push_back(std::move(group));
  }
  changed_.notify_all();
}

template <class T>
void LlamaGeneration<T>::set_weights(WeightsPtr weights) {
  auto typed = std::dynamic_pointer_cast<const LlamaWeights<T>>(std::move(weights));
  TROUPE_ASSERT(typed && &typed->architecture() == &a_, "weights of another model");
  std::lock_guard lock(mutex_);
  next_weights_ = std::move(typed);
}

template <class T>
GenerationStats LlamaGeneration<T>::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

template <class T>
Result<void> LlamaGeneration<T>::check_request(const GenerationRequest& request) const {
  TROUPE_TRY(check(request.sampling));
  const auto wrong = [](std::string what, const char* help) {
    return Error{ErrorCode::InvalidArgument, std::move(what), help};
  };
  if (request.prompt.empty()) return wrong("the prompt is empty", "Give at least one token");
  if (static_cast<std::int64_t>(request.prompt.size()) >= a_.context) {
    return wrong("the prompt has " + std::to_string(request.prompt.size()) +
                     " tokens; the model's context is " + std::to_string(a_.context),
                 "Shorten the prompt");
  }
  for (const Token token : request.prompt) {
    if (token < 0 || token >= a_.vocab) {
      return wrong("token " + std::to_string(token) + " of the prompt is not in the vocabulary",
                   "Use the tokenizer that belongs to the model");
    }
  }
  return {};
}

template <class T>
void LlamaGeneration<T>::run() {
  set_team_size(threads_);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return stopping_ || !incoming_.empty() || !waiting_.empty() || !active_.empty();
      });
      if (stopping_) break;
      while (!incoming_.empty()) {
        waiting_.push_back(std::move(incoming_.front()));
        incoming_.pop_front();
      }
    }
    try {
      step();
    } catch (...) {
      fail_everything(failure_of(std::current_exception(), "generation"));
    }
    deliver();
  }
  {
    std::lock_guard lock(mutex_);
    while (!incoming_.empty()) {
      waiting_.push_back(std::move(incoming_.front()));
      incoming_.pop_front();
    }
  }
  fail_everything({ErrorCode::Cancelled, "the generation engine was stopped", "Start it again"});
  deliver();
}

template <class T>
void LlamaGeneration<T>::step() {
  const CoreLease::Turn turn(*lease_);
  const double begin = measured_seconds();
  {
    std::lock_guard lock(mutex_);
    if (next_weights_) weights_ = std::move(next_weights_);
    next_weights_ = nullptr;
  }
  step_stats_ = {};
  // Requests that cannot be served, and empty ones, leave first.
  std::erase_if(waiting_, [&](const std::shared_ptr<Group>& group) {
    if (group->prompt || group->started > 0) return false;
    const Result<void> checked = check_request(group->request);
    if (checked.ok()) return group->request.seeds.empty();
    for (std::size_t i = 0; i < group->request.seeds.size(); ++i) {
      finished_.push_back({group->on_sample, checked.error()});
    }
    return true;
  });
  const auto fresh = groups_to_prefill();
  if (!fresh.empty()) prefill(fresh);
  start_samples();
  collect_finished();
  if (!active_.empty()) decode();
  collect_finished();
  step_stats_.busy_seconds = measured_seconds() - begin;
  std::lock_guard lock(mutex_);
  stats_.prompt_tokens += step_stats_.prompt_tokens;
  stats_.generated_tokens += step_stats_.generated_tokens;
  stats_.decode_steps += step_stats_.decode_steps;
  stats_.busy_seconds += step_stats_.busy_seconds;
}

/// The groups whose samples can start now but whose prompt is not computed with these weights.
template <class T>
std::vector<std::shared_ptr<typename LlamaGeneration<T>::Group>>
LlamaGeneration<T>::groups_to_prefill() const {
  std::vector<std::shared_ptr<Group>> out;
  std::int64_t room = static_cast<std::int64_t>(config_.max_sequences) -
                      static_cast<std::int64_t>(active_.size());
  std::int64_t tokens = 0;
  for (const auto& group : waiting_) {
    if (room <= 0) break;
    room -= static_cast<std::int64_t>(group->request.seeds.size() - group->started);
    if (group->prompt && group->prompt->weights == weights_) continue;
    tokens += static_cast<std::int64_t>(group->request.prompt.size());
    if (!out.empty() && tokens > kPrefillTokens) break;
    out.push_back(group);
  }
  return out;
}

template <class T>
void LlamaGeneration<T>::prefill(const std::vector<std::shared_ptr<Group>>& groups) {
  std::vector<Token> tokens;
  std::vector<std::int32_t> positions;
  std::vector<AttentionSegment> segments;
  std::vector<std::shared_ptr<Prompt>> prompts;
  for (const auto& group : groups) {
    const auto& prompt = group->request.prompt;
    const std::int64_t n = static_cast<std::int64_t>(prompt.size());
    segments.push_back({.row = static_cast<std::int64_t>(tokens.size()), .rows = n});
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    for (std::int64_t i = 0; i < n; ++i) positions.push_back(static_cast<std::int32_t>(i));
    prompts.push_back(std::make_shared<Prompt>(*pool_));
    prompts.back()->cache.extend(n);
    prompts.back()->weights = weights_;
  }
  const std::size_t real = tokens.size();
  tokens.resize(padded_rows(a_, static_cast<std::int64_t>(real)), tokens[0]);
  positions.resize(tokens.size(), 0);  // rows that nobody reads
  tape_.reserve(a_, static_cast<std::int64_t>(tokens.size()), false);
  const Kernels<T>& kernel = kernels<T>();
  const auto attend = [&](std::int64_t layer, const LayerTape<T>& l) {
    attend_segments(a_, segments, l, scratch_);
    const std::int64_t kv = a_.heads.kv_heads, dim = a_.heads.dim;
    parallel_tasks(static_cast<std::int64_t>(prompts.size()) * kv, [&](std::int64_t task, int) {
      const AttentionSegment& s = segments[task / kv];
      const CachedTokens<T>& cache = prompts[task / kv]->cache;
      const std::int64_t head = task % kv, offset = pool_->offset(layer, head);
      for (std::int64_t i = 0; i < s.rows; ++i) {
        const T* k = l.qkv + (s.row + i) * a_.heads.qkv_width() + a_.heads.q_width() + head * dim;
        kernel.cache_store(k, k + a_.heads.kv_width(), dim, i % kPageTokens,
                           cache.page_of(i) + offset);
      }
    });
  };
  forward<T>(*weights_, tokens.data(), positions.data(), attend, tape_);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const T* last = tape_.normed + (segments[i].row + segments[i].rows - 1) * a_.hidden;
    prompts[i]->last_hidden.assign(last, last + a_.hidden);
    groups[i]->prompt = prompts[i];
  }
  step_stats_.prompt_tokens += real;
}

/// Samples join while there is room; their first tokens come from their prompt's hidden state.
template <class T>
void LlamaGeneration<T>::start_samples() {
  std::vector<Sequence*> sequences;
  std::vector<std::int64_t> rows;
  std::vector<const T*> hidden;
  while (!waiting_.empty() && active_.size() < config_.max_sequences) {
    const auto group = waiting_.front();
    if (!group->prompt || group->prompt->weights != weights_) break;  // the next turn's prefill
    hidden.push_back(group->prompt->last_hidden.data());
    while (group->started < group->request.seeds.size() &&
           active_.size() < config_.max_sequences) {
      active_.emplace_back(group, *pool_, static_cast<std::uint32_t>(group->started++));
      sequences.push_back(&active_.back());
      rows.push_back(static_cast<std::int64_t>(hidden.size()) - 1);
    }
    if (group->started < group->request.seeds.size()) break;
    group->prompt = nullptr;  // the running samples hold it
    waiting_.pop_front();
  }
  if (sequences.empty()) return;
  const std::int64_t count = static_cast<std::int64_t>(hidden.size());
  T* input = head_input_.get(padded_rows(a_, count) * a_.hidden);
  for (std::int64_t i = 0; i < padded_rows(a_, count); ++i) {
    const T* from = hidden[std::min(i, count - 1)];
    std::copy(from, from + a_.hidden, input + i * a_.hidden);
  }
  sample_tokens(input, count, sequences, rows);
}

template <class T>
void LlamaGeneration<T>::decode() {
  std::vector<Sequence*> sequences;
  std::vector<std::int64_t> rows;
  std::vector<Token> tokens;
  std::vector<std::int32_t> positions;
  std::int64_t longest = 0;
  for (Sequence& s : active_) {
    s.own.extend(1);
    rows.push_back(static_cast<std::int64_t>(sequences.size()));
    sequences.push_back(&s);
    tokens.push_back(s.sample.tokens.back());
    const std::int64_t seen = s.prompt->cache.count() + s.own.count();
    positions.push_back(static_cast<std::int32_t>(seen - 1));
    longest = std::max(longest, seen);
  }
  const std::int64_t n = static_cast<std::int64_t>(sequences.size());
  const std::int64_t kv = a_.heads.kv_heads, dim = a_.heads.dim, repeat = a_.heads.repeat();
  const std::int64_t floats = decode_scratch(longest, repeat);
  if (scratch_.size() < static_cast<std::size_t>(team_size())) scratch_.resize(team_size());
  for (Scratch<float>& s : scratch_) s.get(floats);
  tokens.resize(padded_rows(a_, n), tokens[0]);
  positions.resize(tokens.size(), 0);  // rows that nobody reads
  tape_.reserve(a_, static_cast<std::int64_t>(tokens.size()), false);
  const Kernels<T>& kernel = kernels<T>();
  const auto attend = [&](std::int64_t layer, const LayerTape<T>& l) {
    parallel_tasks(n * kv, [&](std::int64_t task, int thread) {
      const Sequence& s = *sequences[task / kv];
      const std::int64_t head = task % kv, last = s.own.count() - 1;
      const T* row = l.qkv + task / kv * a_.heads.qkv_width();
      const T* k = row + a_.heads.q_width() + head * dim;
      kernel.cache_store(k, k + a_.heads.kv_width(), dim, last % kPageTokens,
                         s.own.page_of(last) + pool_->offset(layer, head));
      const CachePart<T> parts[] = {s.prompt->cache.part(layer, head), s.own.part(layer, head)};
      kernel.decode_attention(row + head * repeat * dim, repeat, dim, parts, 2,
                              l.attended + task / kv * a_.heads.q_width() + head * repeat * dim,
                              scratch_[thread].get(floats));
    });
  };
  forward<T>(*weights_, tokens.data(), positions.data(), attend, tape_);
  sample_tokens(tape_.normed, n, sequences, rows);
  ++step_stats_.decode_steps;
}

template <class T>
void LlamaGeneration<T>::sample_tokens(const T* hidden, std::int64_t count,
                                       const std::vector<Sequence*>& sequences,
                                       const std::vector<std::int64_t>& rows) {
  T* logits = logits_.get(padded_rows(a_, count) * a_.vocab);
  linear(hidden, weights_->at(a_.head), padded_rows(a_, count), a_.vocab, a_.hidden, logits,
         a_.exact);
  std::vector<Draw> draws(sequences.size());
  parallel_tasks(static_cast<std::int64_t>(sequences.size()), [&](std::int64_t i, int) {
    Sequence& s = *sequences[i];
    const T* row = logits + rows[i] * a_.vocab;
    const SamplingOptions& options = s.group->request.sampling;
    const RowStatistics statistics =
        kernels<T>().row_statistics(row, a_.vocab, inverse_temperature(options));
    draws[i] = draw(row, a_.vocab, options, statistics, s.rng);
  });
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    append(*sequences[i], draws[i].token, draws[i].logprob);
  }
  step_stats_.generated_tokens += sequences.size();
}

template <class T>
void LlamaGeneration<T>::append(Sequence& s, Token token, float logprob) {
  GeneratedSample& out = s.sample;
  const Version version = weights_->version();
  if (out.versions.empty() || out.versions.back().version != version) {
    out.versions.push_back({static_cast<std::uint32_t>(out.tokens.size()), version});
  }
  out.tokens.push_back(token);
  out.logprobs.push_back(logprob);
  const GenerationRequest& request = s.group->request;
  const auto& stops = request.stop_tokens;
  const std::int64_t length = static_cast<std::int64_t>(out.tokens.size());
  if (std::find(stops.begin(), stops.end(), token) != stops.end() ||
      (request.stop_when && request.stop_when(out.tokens))) {
    out.finish = FinishReason::Stop;
    s.finished = true;
  } else if (length >= request.sampling.max_new_tokens ||
             static_cast<std::int64_t>(request.prompt.size()) + length >= a_.context) {
    out.finish = FinishReason::Length;
    s.finished = true;
  }
}

template <class T>
void LlamaGeneration<T>::collect_finished() {
  for (auto it = active_.begin(); it != active_.end();) {
    if (!it->finished) {
      ++it;
      continue;
    }
    finished_.push_back({it->group->on_sample, std::move(it->sample)});
    it = active_.erase(it);
  }
}

template <class T>
void LlamaGeneration<T>::fail_everything(const Error& error) {
  collect_finished();
  for (Sequence& s : active_) finished_.push_back({s.group->on_sample, error});
  active_.clear();
  for (const auto& group : waiting_) {
    for (std::size_t i = group->started; i < group->request.seeds.size(); ++i) {
      finished_.push_back({group->on_sample, error});
    }
  }
  waiting_.clear();
}

template <class T>
void LlamaGeneration<T>::deliver() {
  for (Finished& f : finished_) f.on_sample(std::move(f.result));
  finished_.clear();
}

template class LlamaGeneration<Bf16>;
template class LlamaGeneration<float>;

}  // namespace troupe::model
