#include "model/engines/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "model/engines/parallel.hpp"

namespace troupe::model {
namespace {
constexpr std::int64_t kGrain = 1 << 15;      // elements
constexpr std::int64_t kNormBlock = 1 << 20;  // summed alone, so that threads do not change the sum
}  // namespace

Optimizer::Optimizer(ArchitecturePtr architecture)
    : architecture_(std::move(architecture)),
      master_(architecture_->elements * sizeof(float)),
      m_(architecture_->elements * sizeof(float)),
      v_(architecture_->elements * sizeof(float)),
      gradient_(architecture_->elements * sizeof(float)) {}

void Optimizer::clear_gradient() {
  parallel_ranges(architecture_->elements, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::memset(gradient() + begin, 0, (end - begin) * sizeof(float));
  });
}

double Optimizer::gradient_norm() const {
  const std::int64_t n = architecture_->elements;
  std::vector<double> sums((n + kNormBlock - 1) / kNormBlock);
  parallel_tasks(static_cast<std::int64_t>(sums.size()), [&](std::int64_t i, int) {
    const std::int64_t begin = i * kNormBlock;
    sums[i] = kernels<float>().sum_of_squares(gradient_.as<float>() + begin,
                                              std::min(kNormBlock, n - begin));
  });
  double total = 0;
  for (const double s : sums) total += s;
  return std::sqrt(total);
}

template <class T>
void Optimizer::step(const TrainingConfig& config, double learning_rate, double gradient_scale,
                     T* working) {
  ++steps_;
  const double t = static_cast<double>(steps_);
  AdamWStep step{
      .learning_rate = static_cast<float>(learning_rate),
      .beta1 = static_cast<float>(config.beta1),
      .beta2 = static_cast<float>(config.beta2),
      .epsilon = static_cast<float>(config.epsilon),
      .weight_decay = 0,
      .correction1 = static_cast<float>(1 - std::pow(config.beta1, t)),
      .correction2 = static_cast<float>(1 - std::pow(config.beta2, t)),
      .gradient_scale = static_cast<float>(gradient_scale),
  };
  for (const Parameter& p : architecture_->parameters) {
    step.weight_decay = p.decays ? static_cast<float>(config.weight_decay) : 0.0f;
    parallel_ranges(p.elements, kGrain, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t at = p.offset + begin;
      kernels<T>().adamw(master() + at, first_moment() + at, second_moment() + at, gradient() + at,
                         step, end - begin, working + at);
    });
  }
}

template void Optimizer::step<Bf16>(const TrainingConfig&, double, double, Bf16*);
template void Optimizer::step<float>(const TrainingConfig&, double, double, float*);

}  // namespace troupe::model
