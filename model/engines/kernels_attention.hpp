#pragma once
// Attention kernels: a segment of a packed batch with a shared prefix (forward and backward), and
// one token against the paged cache. Scores of 16 keys are one vector (keys are kept transposed),
// and 6 query rows share every key that is loaded; rows of the heads that share a key/value head
// are queries of one list. Included only by kernels_body.hpp.
namespace troupe::model::TROUPE_KERNELS {

constexpr int kTileRows = 6;  // 6 rows x 4 vectors of accumulators + 4 of values: 28 registers

/// Where the keys of a segment lie in scratch: the prefix, then, from the next multiple of 16 on,
/// its own. The cache of a sequence is laid out alike (a prompt's pages, then own pages), so that
/// sums of decoding and of a packed batch are formed in the same order and agree bit for bit.
struct KeyLayout {
  std::int64_t prefix, own_begin, padded;

  explicit KeyLayout(const AttentionSegment& segment)
      : prefix(segment.prefix_rows),
        own_begin((segment.prefix_rows + kLanes - 1) / kLanes * kLanes),
        padded(own_begin + (segment.rows + kLanes - 1) / kLanes * kLanes) {}
  /// How many of the 16 keys from `block` on the segment's token sees; may be negative or over 16.
  std::int64_t seen(std::int64_t block, std::int64_t token) const {
    return block < own_begin ? prefix - block : token + 1 - (block - own_begin);
  }
};

/// Query rows of a segment and one key/value head: row r is token r / repeat, head r % repeat.
struct QueryTile {
  std::int64_t first, count;  // of the list; count <= kTileRows
  std::int64_t visible;       // end of the keys that the last row sees
  std::int64_t token[kTileRows], head[kTileRows];

  QueryTile(const HeadShape& shape, std::int64_t kv_head, const AttentionSegment& segment,
            std::int64_t begin)
      : first(begin) {
    const std::int64_t total = segment.rows * shape.repeat();
    count = least(kTileRows, total - begin);
    for (int r = 0; r < kTileRows; ++r) {  // rows past the end repeat the last one
      const std::int64_t row = least(begin + r, total - 1);
      token[r] = row / shape.repeat();
      head[r] = kv_head * shape.repeat() + row % shape.repeat();
    }
    visible = KeyLayout(segment).own_begin + token[kTileRows - 1] + 1;
  }
};

/// As KeyLayout says: transposed[block][dim][16]; plain [key][dim]. Missing keys are zero.
template <class T>
void gather_rows(const T* base, std::int64_t stride, const AttentionSegment& segment,
                 std::int64_t dim, float* transposed, float* plain) {
  const KeyLayout keys(segment);
  float values[kMaxHeadDim];
  for (std::int64_t j = 0; j < keys.padded; ++j) {
    const std::int64_t own = j - keys.own_begin;
    const bool real = own < 0 ? j < keys.prefix : own < segment.rows;
    const std::int64_t row = own < 0 ? segment.prefix + j : segment.row + own;
    float* out = plain ? plain + j * dim : values;
    for (std::int64_t c = 0; c < dim; c += kLanes) {
      store(out + c, real ? load(base + row * stride + c) : V{});
    }
    if (!transposed) continue;
    float* column = transposed + j / kLanes * dim * kLanes + j % kLanes;
    for (std::int64_t c = 0; c < dim; ++c) column[c * kLanes] = out[c];
  }
}

/// acc[r][b] = sum over dim of rows[r][d] * keys[b][d][lane], for Blocks neighbouring blocks.
template <int Blocks>
TROUPE_INLINE void tile_scores(const float* rows, const float* keys, std::int64_t dim,
                               V (&acc)[kTileRows][Blocks]) {
  for (auto& row : acc)
    for (V& v : row) v = V{};
  for (std::int64_t d = 0; d < dim; ++d) {
    V key[Blocks];
#pragma GCC unroll 4
    for (int b = 0; b < Blocks; ++b) key[b] = load(keys + (b * dim + d) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
      for (int b = 0; b < Blocks; ++b) acc[r][b] += rows[r * dim + d] * key[b];
    }
  }
}

/// acc[r] = sum over j < count of weights[r][j] * values[j][0 .. 16 C), on top of `into` if given.
template <int C>
TROUPE_INLINE void tile_combine(const float* weights, std::int64_t weight_stride,
                                const float* values, std::int64_t stride, std::int64_t count,
                                V (&acc)[kTileRows][C]) {
  for (std::int64_t j = 0; j < count; ++j) {
    V value[C];
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) value[c] = load(values + j * stride + c * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) acc[r][c] += weights[r * weight_stride + j] * value[c];
    }
  }
}

/// Calls f with C = 4 vectors at a time, then one by one.
template <class F>
TROUPE_INLINE void for_columns(std::int64_t dim, F f) {
  std::int64_t c = 0;
  for (; c + 4 * kLanes <= dim; c += 4 * kLanes) f(std::integral_constant<int, 4>{}, c);
  for (; c < dim; c += kLanes) f(std::integral_constant<int, 1>{}, c);
}

template <class T>
void load_queries(const T* base, std::int64_t stride, const AttentionSegment& segment,
                  const QueryTile& tile, std::int64_t dim, float scale, float* out) {
  for (int r = 0; r < kTileRows; ++r) {
    const T* row = base + (segment.row + tile.token[r]) * stride + tile.head[r] * dim;
    for (std::int64_t c = 0; c < dim; c += kLanes) store(out + r * dim + c, load(row + c) * scale);
  }
}

/// scores[0, padded) become exp(s - max), 0 where they are kNever; returns the log of their sum and
/// stores its inverse.
TROUPE_INLINE float softmax_row(float* scores, std::int64_t padded, float* inverse_sum) {
  V best = splat(kNever);
  for (std::int64_t j = 0; j < padded; j += kLanes) best = max(load(scores + j), best);
  const float top = max(best);
  V total = {};
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const V e = exp(load(scores + j) - top);
    store(scores + j, e);
    total += e;
  }
  const float all = sum(total);
  *inverse_sum = 1.0f / all;
  return top + std::log(all);
}

template <class T>
void attention(const T* qkv, const HeadShape& shape, std::int64_t kv_head,
               const AttentionSegment& segment, T* out, float* lse, float* scratch) {
  const std::int64_t dim = shape.dim, stride = shape.qkv_width();
  const KeyLayout keys(segment);
  const std::int64_t padded = keys.padded;
  float* k = scratch;
  float* v = k + padded * dim;
  float* scores = v + padded * dim;
  float* q = scores + kTileRows * padded;
  const T* k_base = qkv + shape.q_width() + kv_head * dim;
  gather_rows(k_base, stride, segment, dim, k, nullptr);
  gather_rows(k_base + shape.kv_width(), stride, segment, dim, nullptr, v);
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));

  for (std::int64_t begin = 0; begin < segment.rows * shape.repeat(); begin += kTileRows) {
    const QueryTile tile(shape, kv_head, segment, begin);
    load_queries(qkv, stride, segment, tile, dim, scale, q);
    const std::int64_t blocks = (tile.visible + kLanes - 1) / kLanes;
    const auto score = [&](auto count, std::int64_t block) {
      constexpr int B = decltype(count)::value;
      V acc[kTileRows][B];
      tile_scores<B>(q, k + block * kLanes * dim, dim, acc);
      for (int r = 0; r < kTileRows; ++r)
        for (int b = 0; b < B; ++b) {
          store(scores + r * padded + (block + b) * kLanes, acc[r][b]);
        }
    };
    std::int64_t block = 0;
    for (; block + 2 <= blocks; block += 2) score(std::integral_constant<int, 2>{}, block);
    if (block < blocks) score(std::integral_constant<int, 1>{}, block);

    float inverse[kTileRows];
    for (int r = 0; r < kTileRows; ++r) {
      float* row = scores + r * padded;
      for (std::int64_t j = keys.prefix; j < keys.own_begin; ++j) row[j] = kNever;
      for (std::int64_t j = keys.own_begin + tile.token[r] + 1; j < blocks * kLanes; ++j) {
        row[j] = kNever;
      }
      const float log_sum = softmax_row(row, blocks * kLanes, &inverse[r]);
      if (lse && r < tile.count) {
        lse[(segment.row + tile.token[r]) * shape.heads + tile.head[r]] = log_sum;
      }
    }
    for_columns(dim, [&](auto columns, std::int64_t c) {
      constexpr int C = decltype(columns)::value;
      V acc[kTileRows][C] = {};
      tile_combine<C>(scores, padded, v + c, dim, tile.visible, acc);
      for (int r = 0; r < tile.count; ++r) {
        T* to = out + (segment.row + tile.token[r]) * shape.q_width() + tile.head[r] * dim + c;
        for (int x = 0; x < C; ++x) store(to + x * kLanes, acc[r][x] * inverse[r]);
      }
    });
  }
}

/// dk[j] += sum of rows ds[r][j] * q[r], dv[j] += sum of p[r][j] * do[r], for 16 keys.
TROUPE_INLINE void tile_outer(const float* ds, const float* p, const float* q, const float* d_out,
                              std::int64_t dim, float* dk, float* dv) {
  for (std::int64_t c = 0; c < dim; c += kLanes) {
    V query[kTileRows], grad[kTileRows];
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      query[r] = load(q + r * dim + c);
      grad[r] = load(d_out + r * dim + c);
    }
    for (std::int64_t j = 0; j < kLanes; ++j) {
      V key = load(dk + j * dim + c), value = load(dv + j * dim + c);
#pragma GCC unroll 8
      for (int r = 0; r < kTileRows; ++r) {
        key += ds[r * kLanes + j] * query[r];
        value += p[r * kLanes + j] * grad[r];
      }
      store(dk + j * dim + c, key);
      store(dv + j * dim + c, value);
    }
  }
}

/// Recomputes the probabilities from lse (Dao: FlashAttention-2, algorithm 2).
template <class T>
void attention_backward(const T* qkv, const T* out, const T* d_out, const float* lse,
                        const HeadShape& shape, std::int64_t kv_head,
                        const AttentionSegment& segment, T* d_qkv, float* d_prefix,
                        float* scratch) {
  const std::int64_t dim = shape.dim, stride = shape.qkv_width(), width = shape.q_width();
  const KeyLayout keys(segment);
  const std::int64_t padded = keys.padded;
  float* k = scratch;               // transposed
  float* v = k + padded * dim;      // transposed
  float* k_rows = v + padded * dim;
  float* dk = k_rows + padded * dim;
  float* dv = dk + padded * dim;
  float* q = dv + padded * dim;     // [6][dim], as are the next three
  float* grad = q + kTileRows * dim;
  float* value = grad + kTileRows * dim;
  float* dq = value + kTileRows * dim;
  const T* k_base = qkv + shape.q_width() + kv_head * dim;
  gather_rows(k_base, stride, segment, dim, k, k_rows);
  gather_rows(k_base + shape.kv_width(), stride, segment, dim, v, nullptr);
  zero(dk, 2 * padded * dim);
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));

  for (std::int64_t begin = 0; begin < segment.rows * shape.repeat(); begin += kTileRows) {
    const QueryTile tile(shape, kv_head, segment, begin);
    load_queries(qkv, stride, segment, tile, dim, scale, q);
    load_queries(d_out, width, segment, tile, dim, 1.0f, grad);
    load_queries(out, width, segment, tile, dim, 1.0f, value);
    zero(dq, kTileRows * dim);
    float log_sum[kTileRows], row_dot[kTileRows];
    for (int r = 0; r < kTileRows; ++r) {
      log_sum[r] = lse[(segment.row + tile.token[r]) * shape.heads + tile.head[r]];
      V dot = {};
      for (std::int64_t c = 0; c < dim; c += kLanes) {
        dot += load(grad + r * dim + c) * load(value + r * dim + c);
      }
      row_dot[r] = sum(dot);
    }
    for (std::int64_t j = 0; j < tile.visible; j += kLanes) {
      V s[kTileRows][1], dp[kTileRows][1];
      tile_scores<1>(q, k + j * dim, dim, s);
      tile_scores<1>(grad, v + j * dim, dim, dp);
      float p[kTileRows * kLanes], ds[kTileRows * kLanes];
      for (int r = 0; r < kTileRows; ++r) {
        const std::int64_t seen = keys.seen(j, tile.token[r]);
        const bool real = r < tile.count;
        V probability = exp(s[r][0] - log_sum[r]);
        probability = iota() < splat(real ? static_cast<float>(seen) : 0.0f) ? probability : V{};
        store(p + r * kLanes, probability);
        store(ds + r * kLanes, probability * (dp[r][0] - row_dot[r]));
      }
      for_columns(dim, [&](auto columns, std::int64_t c) {
        constexpr int C = decltype(columns)::value;
        V acc[kTileRows][C];
        for (int r = 0; r < kTileRows; ++r)
          for (int x = 0; x < C; ++x) acc[r][x] = load(dq + r * dim + c + x * kLanes);
        tile_combine<C>(ds, kLanes, k_rows + j * dim + c, dim, kLanes, acc);
        for (int r = 0; r < kTileRows; ++r)
          for (int x = 0; x < C; ++x) store(dq + r * dim + c + x * kLanes, acc[r][x]);
      });
      tile_outer(ds, p, q, grad, dim, dk + j * dim, dv + j * dim);
    }
    for (int r = 0; r < tile.count; ++r) {
      T* to = d_qkv + (segment.row + tile.token[r]) * stride + tile.head[r] * dim;
      for (std::int64_t c = 0; c < dim; c += kLanes) store(to + c, load(dq + r * dim + c) * scale);
    }
  }

  const std::int64_t prefix = keys.prefix * dim, own = keys.own_begin * dim;
  for (std::int64_t i = 0; i < prefix; i += kLanes) {
    store(d_prefix + i, load(d_prefix + i) + load(dk + i));
    store(d_prefix + prefix + i, load(d_prefix + prefix + i) + load(dv + i));
  }
  for (std::int64_t i = 0; i < segment.rows; ++i) {
    T* to = d_qkv + (segment.row + i) * stride + width + kv_head * dim;
    for (std::int64_t c = 0; c < dim; c += kLanes) {
      store(to + c, load(dk + own + i * dim + c));
      store(to + shape.kv_width() + c, load(dv + own + i * dim + c));
    }
  }
}

template <class T>
void add_kv_gradient(T* d_qkv, const HeadShape& shape, std::int64_t kv_head, std::int64_t row,
                     std::int64_t rows, const float* d_prefix) {
  const std::int64_t dim = shape.dim;
  for (std::int64_t i = 0; i < rows; ++i) {
    T* to = d_qkv + (row + i) * shape.qkv_width() + shape.q_width() + kv_head * dim;
    for (std::int64_t c = 0; c < dim; c += kLanes) {
      store(to + c, load(to + c) + load(d_prefix + i * dim + c));
      T* value = to + shape.kv_width() + c;
      store(value, load(value) + load(d_prefix + (rows + i) * dim + c));
    }
  }
}

/// scores[r][16 P] of P neighbouring pages from `pages` on, of which `count` tokens are real.
template <int R, int P, class T>
TROUPE_INLINE void page_scores(const float* query, std::int64_t dim, const T* const* pages,
                               std::int64_t offset, std::int64_t count, std::int64_t stride,
                               float* scores) {
  const T* keys[P];
  for (int p = 0; p < P; ++p) keys[p] = pages[p] + offset;
  V acc[R][P] = {};
  for (std::int64_t d = 0; d < dim; ++d) {
    V key[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) key[p] = load(keys[p] + d * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) acc[r][p] += query[r * dim + d] * key[p];
    }
  }
  for (int p = 0; p < P; ++p) {
    const V seen = splat(static_cast<float>(count - p * kLanes));
    for (int r = 0; r < R; ++r) {
      store(scores + r * stride + p * kLanes, iota() < seen ? acc[r][p] : splat(kNever));
    }
  }
}

/// R query heads, R <= 4. Four pages at a time, so that 4 R sums hide each other's latency and four
/// streams of memory are read at once.
template <int R, class T>
TROUPE_INLINE void decode_rows(const T* q, std::int64_t dim, const CachePart<T>* parts,
                               std::int64_t part_count, T* out, float* scores) {
  std::int64_t padded = 0;
  for (std::int64_t i = 0; i < part_count; ++i) {
    padded += (parts[i].count + kLanes - 1) / kLanes * kLanes;
  }
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  float query[R * kMaxHeadDim];
  for (std::int64_t c = 0; c < R * dim; c += kLanes) store(query + c, load(q + c) * scale);

  std::int64_t at = 0;
  for (std::int64_t i = 0; i < part_count; ++i) {
    const CachePart<T>& part = parts[i];
    const std::int64_t pages = (part.count + kLanes - 1) / kLanes;
    std::int64_t p = 0;
    const auto next = [&](auto several) {
      constexpr int P = decltype(several)::value;
      page_scores<R, P>(query, dim, part.pages + p, part.offset, part.count - p * kLanes, padded,
                        scores + at);
      p += P;
      at += P * kLanes;
    };
    while (p + 4 <= pages) next(std::integral_constant<int, 4>{});
    while (p < pages) next(std::integral_constant<int, 1>{});
  }
  float inverse[R];
  for (int r = 0; r < R; ++r) softmax_row(scores + r * padded, padded, &inverse[r]);

  for_columns(dim, [&](auto columns, std::int64_t c) {
    constexpr int C = decltype(columns)::value;
    V acc[R][C] = {};
    std::int64_t begin = 0;
    for (std::int64_t i = 0; i < part_count; ++i) {
      const CachePart<T>& part = parts[i];
      for (std::int64_t j = 0; j < part.count; ++j) {
        const T* row = part.pages[j / kLanes] + part.offset + (kLanes + j % kLanes) * dim + c;
        if (j - j % kLanes + kLanes < part.count) {
          const T* next = part.pages[j / kLanes + 1] + part.offset;
          __builtin_prefetch(next + (kLanes + j % kLanes) * dim + c);
          __builtin_prefetch(next + (kLanes + j % kLanes) * dim + c + 2 * kLanes);
        }
#pragma GCC unroll 4
        for (int x = 0; x < C; ++x) {
          const V value = load(row + x * kLanes);
#pragma GCC unroll 4
          for (int r = 0; r < R; ++r) acc[r][x] += scores[r * padded + begin + j] * value;
        }
      }
      begin += (part.count + kLanes - 1) / kLanes * kLanes;
    }
    for (int r = 0; r < R; ++r)
      for (int x = 0; x < C; ++x) store(out + r * dim + c + x * kLanes, acc[r][x] * inverse[r]);
  });
}

template <class T>
void decode_attention(const T* q, std::int64_t repeat, std::int64_t dim, const CachePart<T>* parts,
                      std::int64_t part_count, T* out, float* scratch) {
  std::int64_t r = 0;
  for (; r + 4 <= repeat; r += 4) {
    decode_rows<4>(q + r * dim, dim, parts, part_count, out + r * dim, scratch);
  }
  q += r * dim;
  out += r * dim;
  switch (repeat - r) {
    case 3: decode_rows<3>(q, dim, parts, part_count, out, scratch); break;
    case 2: decode_rows<2>(q, dim, parts, part_count, out, scratch); break;
    case 1: decode_rows<1>(q, dim, parts, part_count, out, scratch); break;
    default: break;
  }
}

template <class T>
void cache_store(const T* k, const T* v, std::int64_t dim, std::int64_t slot, T* page) {
  for (std::int64_t c = 0; c < dim; ++c) page[c * kLanes + slot] = k[c];
  std::memcpy(page + dim * kLanes + slot * dim, v, dim * sizeof(T));
}

}  // namespace troupe::model::TROUPE_KERNELS
