#pragma once
// Kernels over rows of activations and over flat parameter buffers. See kernels.hpp for what each
// does; included only by kernels_body.hpp. Widths are multiples of 16 (checked when a model loads).
namespace troupe::model::TROUPE_KERNELS {

template <class T>
void embed(const T* table, const std::int32_t* tokens, std::int64_t n, std::int64_t width,
           float* x) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T* row = table + tokens[i] * width;
    for (std::int64_t c = 0; c < width; c += kLanes) store(x + i * width + c, load(row + c));
  }
}

template <class T>
void add_rmsnorm(const float* x, const T* delta, const T* weight, float epsilon, std::int64_t n,
                 std::int64_t width, float* out, T* y, float* rstd) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float* in = x + i * width;
    float* sums = out + i * width;
    V squares[2] = {};
    for (std::int64_t c = 0; c < width; c += kLanes) {
      V value = load(in + c);
      if (delta) value += load(delta + i * width + c);
      if (delta || sums != in) store(sums + c, value);
      squares[(c / kLanes) & 1] += value * value;
    }
    const float root = 1.0f / std::sqrt(sum(squares[0] + squares[1]) / width + epsilon);
    if (rstd) rstd[i] = root;
    if (!y) continue;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      store(y + i * width + c, load(sums + c) * root * load(weight + c));
    }
  }
}

template <class T>
void rope(T* rows, std::int64_t n, std::int64_t stride, std::int64_t heads, std::int64_t dim,
          const std::int32_t* positions, const float* cos_sin, float sign) {
  const std::int64_t half = dim / 2;
  for (std::int64_t i = 0; i < n; ++i) {
    const float* table = cos_sin + std::int64_t{positions[i]} * dim;
    for (std::int64_t h = 0; h < heads; ++h) {
      T* head = rows + i * stride + h * dim;
      std::int64_t c = 0;
      for (; c + kLanes <= half; c += kLanes) {
        const V a = load(head + c), b = load(head + half + c);
        const V cosine = load(table + c), sine = load(table + half + c) * sign;
        store(head + c, a * cosine - b * sine);
        store(head + half + c, b * cosine + a * sine);
      }
      for (; c < half; ++c) {
        const float a = to_float(head[c]), b = to_float(head[half + c]);
        const float cosine = table[c], sine = table[half + c] * sign;
        head[c] = from_float<T>(a * cosine - b * sine);
        head[half + c] = from_float<T>(b * cosine + a * sine);
      }
    }
  }
}

TROUPE_INLINE V sigmoid(V x) { return 1.0f / (1.0f + exp(-x)); }

template <class T>
void swiglu(const T* gate_up, std::int64_t n, std::int64_t width, T* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T* gate = gate_up + i * 2 * width;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const V g = load(gate + c), u = load(gate + width + c);
      store(out + i * width + c, g * sigmoid(g) * u);
    }
  }
}

template <class T>
void swiglu_backward(T* gate_up, const T* d_out, std::int64_t n, std::int64_t width) {
  for (std::int64_t i = 0; i < n; ++i) {
    T* gate = gate_up + i * 2 * width;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const V g = load(gate + c), u = load(gate + width + c), d = load(d_out + i * width + c);
      const V s = sigmoid(g);
      store(gate + width + c, d * g * s);
      store(gate + c, d * u * s * (1.0f + g * (1.0f - s)));
    }
  }
}

template <class T>
void rmsnorm_backward(const float* x, const T* weight, const float* rstd, const T* dy,
                      std::int64_t n, std::int64_t width, float* dx, float* dweight) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float* in = x + i * width;
    const T* d = dy + i * width;
    V dot = {};
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const V normal = load(in + c) * rstd[i], grad = load(d + c);
      dot += normal * grad * load(weight + c);
      store(dweight + c, load(dweight + c) + grad * normal);
    }
    const float mean = sum(dot) / width;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const V normal = load(in + c) * rstd[i];
      float* to = dx + i * width + c;
      store(to, load(to) + rstd[i] * (load(d + c) * load(weight + c) - normal * mean));
    }
  }
}

template <class T>
void embed_backward(const float* dx, const std::int32_t* tokens, std::int64_t n,
                    std::int64_t width, std::int64_t begin, std::int64_t end, float* gradient) {
  for (std::int64_t i = 0; i < n; ++i) {
    float* to = gradient + tokens[i] * width;
    for (std::int64_t c = begin; c < end; c += kLanes) {
      store(to + c, load(to + c) + load(dx + i * width + c));
    }
  }
}

template <class T>
void accumulate(float* gradient, const T* addend, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(gradient + i, load(gradient + i) + load(addend + i));
  for (; i < n; ++i) gradient[i] += to_float(addend[i]);
}

/// AdamW (Loshchilov and Hutter, Decoupled Weight Decay Regularization, algorithm 2).
template <class T>
void adamw(float* master, float* m, float* v, const float* gradient, const AdamWStep& step,
           std::int64_t n, T* working) {
  const auto update = [&](V p, V& first, V& second, V g) __attribute__((always_inline)) {
    g *= step.gradient_scale;
    first = step.beta1 * first + (1 - step.beta1) * g;
    second = step.beta2 * second + (1 - step.beta2) * g * g;
    const V change = (first / step.correction1) / (sqrt(second / step.correction2) + step.epsilon);
    return p - step.learning_rate * (change + step.weight_decay * p);
  };
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    V first = load(m + i), second = load(v + i);
    const V p = update(load(master + i), first, second, load(gradient + i));
    store(m + i, first);
    store(v + i, second);
    store(master + i, p);
    store(working + i, p);
  }
  if (i == n) return;
  V first = load_tail(m + i, n - i, 0), second = load_tail(v + i, n - i, 0);
  const V p = update(load_tail(master + i, n - i, 0), first, second,
                     load_tail(gradient + i, n - i, 0));
  store_tail(m + i, n - i, first);
  store_tail(v + i, n - i, second);
  store_tail(master + i, n - i, p);
  store_tail(working + i, n - i, p);
}

/// In double per block of 4096, so that a sum over 10^8 elements keeps its digits.
inline double sum_of_squares(const float* x, std::int64_t n) {
  double total = 0;
  for (std::int64_t block = 0; block < n; block += 4096) {
    const std::int64_t end = least(n, block + 4096);
    V squares = {};
    std::int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) squares += load(x + i) * load(x + i);
    if (i < end) squares += load_tail(x + i, end - i, 0) * load_tail(x + i, end - i, 0);
    total += sum(squares);
  }
  return total;
}

template <class T>
void convert(const float* in, std::int64_t n, T* out) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, load(in + i));
  for (; i < n; ++i) out[i] = from_float<T>(in[i]);
}

}  // namespace troupe::model::TROUPE_KERNELS
