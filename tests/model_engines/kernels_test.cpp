// Every build of the kernels against the portable one, and cached against packed attention.
#include <cmath>

#include "model/engines/kernels.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

template <class T>
std::vector<T> random(std::int64_t n, std::uint64_t seed, double scale = 2.0) {
  Rng rng(seed);
  std::vector<T> out;
  for (std::int64_t i = 0; i < n; ++i) {
    out.push_back(from_float<T>(static_cast<float>((rng.uniform() - 0.5) * scale)));
  }
  return out;
}

template <class T>
void check_near(const std::vector<T>& a, const std::vector<T>& b, double relative) {
  REQUIRE(a.size() == b.size());
  double largest = 0, worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::abs(to_float(b[i])));
    worst = std::max<double>(worst, std::abs(to_float(a[i]) - to_float(b[i])));
  }
  CHECK(worst <= relative * largest + 1e-12);
}

template <class T>
constexpr double kClose = std::is_same_v<T, float> ? 2e-6 : 1e-2;

/// All outputs of one build on the same inputs, by name.
template <class T>
std::vector<std::pair<std::string, std::vector<float>>> outputs(const Kernels<T>& k) {
  std::vector<std::pair<std::string, std::vector<float>>> out;
  const auto keep = [&](const char* name, const auto& values) {
    std::vector<float> v;
    for (const auto x : values) v.push_back(to_float(x));
    out.emplace_back(name, std::move(v));
  };
  const std::int64_t n = 5, width = 80;
  {
    const auto x = random<float>(n * width, 1);
    const auto delta = random<T>(n * width, 2), weight = random<T>(width, 3);
    std::vector<float> sum(x.size()), rstd(n), dx = random<float>(n * width, 4), dw(width);
    std::vector<T> y(x.size());
    k.add_rmsnorm(x.data(), delta.data(), weight.data(), 1e-5f, n, width, sum.data(), y.data(),
                  rstd.data());
    keep("sum", sum), keep("y", y), keep("rstd", rstd);
    k.rmsnorm_backward(sum.data(), weight.data(), rstd.data(), delta.data(), n, width, dx.data(),
                       dw.data());
    keep("dx", dx), keep("dw", dw);
  }
  {
    auto gate_up = random<T>(n * 2 * width, 5, 12.0);
    const auto d = random<T>(n * width, 6);
    std::vector<T> act(n * width);
    k.swiglu(gate_up.data(), n, width, act.data());
    keep("swiglu", act);
    k.swiglu_backward(gate_up.data(), d.data(), n, width);
    keep("swiglu_backward", gate_up);
  }
  for (const std::int64_t dim : {16, 48, 64}) {
    const HeadShape shape{6, 2, dim};
    const std::int64_t rows = 61;
    auto qkv = random<T>(rows * shape.qkv_width(), 7, 4.0);
    std::vector<std::int32_t> positions;
    for (int i = 0; i < rows; ++i) positions.push_back(i);
    const auto table = random<float>(rows * dim, 8);
    k.rope(qkv.data(), rows, shape.qkv_width(), 8, dim, positions.data(), table.data(), 1.0f);
    keep("rope", qkv);
    const AttentionSegment prompt{.row = 0, .rows = 21};
    const AttentionSegment completion{.row = 21, .rows = 40, .prefix = 0, .prefix_rows = 21};
    std::vector<T> attended(rows * shape.q_width()), d_qkv(qkv.size());
    std::vector<float> lse(rows * 6), d_prefix(2 * 21 * dim);
    std::vector<float> scratch(attention_backward_scratch(61, dim) + attention_scratch(61, dim));
    const auto d_out = random<T>(attended.size(), 9);
    for (const std::int64_t head : {0, 1}) {
      k.attention(qkv.data(), shape, head, prompt, attended.data(), lse.data(), scratch.data());
      k.attention(qkv.data(), shape, head, completion, attended.data(), lse.data(),
                  scratch.data());
    }
    for (const std::int64_t head : {0, 1}) {
      k.attention_backward(qkv.data(), attended.data(), d_out.data(), lse.data(), shape, head,
                           prompt, d_qkv.data(), d_prefix.data(), scratch.data());
      k.attention_backward(qkv.data(), attended.data(), d_out.data(), lse.data(), shape, head,
                           completion, d_qkv.data(), d_prefix.data(), scratch.data());
    }
    k.add_kv_gradient(d_qkv.data(), shape, 1, 0, 21, d_prefix.data());
    keep("attended", attended), keep("lse", lse), keep("d_qkv", d_qkv), keep("d_prefix", d_prefix);
  }
  {
    const std::int64_t vocab = 3001;
    auto logits = random<T>(vocab, 10, 20.0);
    const RowStatistics s = k.row_statistics(logits.data(), vocab, 0.7f);
    keep("statistics", std::vector<float>{s.max, static_cast<float>(s.sum),
                                          static_cast<float>(s.weighted)});
    std::vector<float> found;
    for (double u = 0.0005; u < 1; u += 0.01) {
      found.push_back(k.find_cumulative(logits.data(), vocab, 0.7f, s.max, u * s.sum));
    }
    found.push_back(k.argmax(logits.data(), vocab));
    keep("found", found);
    k.scaled_softmax(logits.data(), vocab, 0.7f, s.max, 0.3f);
    keep("softmax", logits);
  }
  {
    const std::int64_t count = 1003;
    auto master = random<float>(count, 11), m = random<float>(count, 12);
    auto v = random<float>(count, 13), g = random<float>(count, 14);
    for (float& x : v) x = std::abs(x);
    std::vector<T> working(count);
    const AdamWStep step{1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, 0.3f, 0.7f};
    k.adamw(master.data(), m.data(), v.data(), g.data(), step, count, working.data());
    keep("master", master), keep("m", m), keep("v", v), keep("working", working);
    k.accumulate(g.data(), working.data(), count);
    keep("accumulated", g);
    keep("squares", std::vector<float>{static_cast<float>(k.sum_of_squares(g.data(), count))});
  }
  return out;
}

template <class T>
void compare_builds() {
  const auto builds = all_kernels<T>();
  const auto want = outputs(*builds.back());
  for (const auto* build : builds) {
    const auto got = outputs(*build);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO(build->name << ": " << got[i].first);
      check_near(got[i].second, want[i].second, kClose<T>);
    }
  }
}

}  // namespace

TEST_CASE("every_build_of_the_kernels_computes_the_same") {
  compare_builds<float>();
  compare_builds<Bf16>();
}

TEST_CASE("the_exponential_is_exact_to_a_few_units") {
  for (const auto* build : all_kernels<float>()) {
    std::vector<float> x;
    for (float v = -86.0f; v <= 0.0f; v += 0.037f) x.push_back(v);
    std::vector<float> y = x;
    build->scaled_softmax(y.data(), static_cast<std::int64_t>(y.size()), 1.0f, 0.0f, 1.0f);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == Approx(std::exp(static_cast<double>(x[i]))).epsilon(1e-6));
    }
  }
}

TEST_CASE("a_token_against_the_cache_attends_as_in_a_packed_batch") {
  for (const std::int64_t repeat : {1, 2, 3, 5}) {
    const std::int64_t dim = 48, prompt = 21, own = 18, rows = prompt + own;
    const HeadShape shape{repeat, 1, dim};
    const auto qkv = random<float>(rows * shape.qkv_width(), 7, 4.0);
    const AttentionSegment segments[] = {
        {.row = 0, .rows = prompt},
        {.row = prompt, .rows = own, .prefix = 0, .prefix_rows = prompt}};
    std::vector<float> want(rows * shape.q_width());
    std::vector<float> scratch(attention_scratch(rows, dim) + decode_scratch(rows, repeat));
    for (const auto* k : all_kernels<float>()) {
      for (const auto& s : segments) {
        k->attention(qkv.data(), shape, 0, s, want.data(), nullptr, scratch.data());
      }
      std::vector<std::vector<float>> pages(4, std::vector<float>(2 * kPageTokens * dim, NAN));
      for (std::int64_t i = 0; i < rows; ++i) {
        const float* key = qkv.data() + i * shape.qkv_width() + shape.q_width();
        const std::int64_t at = i < prompt ? i : i - prompt;
        auto& page = pages[(i < prompt ? 0 : 2) + at / kPageTokens];
        k->cache_store(key, key + dim, dim, at % kPageTokens, page.data());
      }
      const float* first[] = {pages[0].data(), pages[1].data()};
      const float* second[] = {pages[2].data(), pages[3].data()};
      const CachePart<float> parts[] = {{first, 0, prompt}, {second, 0, own}};
      std::vector<float> got(shape.q_width());
      k->decode_attention(qkv.data() + (rows - 1) * shape.qkv_width(), repeat, dim, parts, 2,
                          got.data(), scratch.data());
      check_near(got, {want.end() - shape.q_width(), want.end()}, 1e-5);
    }
  }
}
