#include "actors/stages/dataset/dataset.hpp"

namespace troupe::stages {
namespace {

/// Which unordered pairs are kept from training: the first `count` of a shuffle that depends on
/// the split's own seed only, so that both splits of a graph agree.
std::vector<bool> held_out(std::uint64_t pairs, std::uint64_t count, std::uint64_t seed) {
  std::vector<std::uint64_t> order(pairs);
  for (std::uint64_t i = 0; i < pairs; ++i) order[i] = i;
  Rng rng(seed, 0x61726974);
  for (std::uint64_t i = pairs; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  std::vector<bool> out(pairs, false);
  for (std::uint64_t i = 0; i < count; ++i) out[order[i]] = true;
  return out;
}

std::optional<std::int64_t> apply(const std::string& op, std::int64_t a, std::int64_t b) {
  if (op == "+") return a + b;
  if (op == "-" || op == "−") return a >= b ? std::optional(a - b) : std::nullopt;
  return a * b;
}

}  // namespace

Result<std::unique_ptr<const RowSource>> make_arithmetic(const runtime::StageContext& context) {
  const std::int64_t low = context.option("low").as_int();
  const std::int64_t high = context.option("high").as_int();
  const std::vector<std::string> operators = context.option("operators").as_strings();
  const bool wants_held_out = context.option("split").as_string() == "held_out";
  const auto held_out_pairs = static_cast<std::uint64_t>(context.option("held_out_pairs").as_int());
  const auto seed = static_cast<std::uint64_t>(context.option("split_seed").as_int());
  if (low > high) return Error{ErrorCode::InvalidArgument, "low is above high", "Exchange them"};
  const auto n = static_cast<std::uint64_t>(high - low + 1);
  if (n > 2000)
    return Error{ErrorCode::InvalidArgument, "more than 2,000 numbers between low and high",
                 "Choose a smaller range"};
  const std::uint64_t pairs = n * (n + 1) / 2;
  if (held_out_pairs >= pairs)
    return Error{ErrorCode::InvalidArgument,
                 "held_out_pairs is " + std::to_string(held_out_pairs) + ", but there are only " +
                     std::to_string(pairs) + " pairs",
                 "Leave some pairs for training"};
  const std::vector<bool> kept = held_out(pairs, held_out_pairs, seed);
  std::vector<DatasetRow> rows;
  for (const std::string& op : operators) {
    for (std::int64_t a = low; a <= high; ++a) {
      for (std::int64_t b = low; b <= high; ++b) {
        const auto small = static_cast<std::uint64_t>(std::min(a, b) - low);
        const auto large = static_cast<std::uint64_t>(std::max(a, b) - low);
        if (kept[large * (large + 1) / 2 + small] != wants_held_out) continue;
        const auto result = apply(op, a, b);
        if (!result) continue;
        rows.push_back({"What is " + std::to_string(a) + " " + op + " " + std::to_string(b) + "?",
                        std::to_string(*result), "", "", ""});
      }
    }
  }
  if (rows.empty())
    return Error{ErrorCode::InvalidArgument, "no questions: held_out_pairs is 0",
                 "Hold some pairs out, or use split = \"train\""};
  return std::unique_ptr<const RowSource>(std::make_unique<ListedRows>(std::move(rows)));
}

}  // namespace troupe::stages
