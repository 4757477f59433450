#pragma once
// Architecture: the shape of a Llama-family model and where each of its parameters lies in one flat
// buffer. Working weights, master weights, gradients and moments share these offsets, so that the
// optimizer is one loop. q, k, v are neighbours (one product gives all three), as are gate and up.
// Immutable, shared by every engine of a model; any thread.
#include <memory>
#include <string>
#include <vector>

#include "model/engines/kernels.hpp"
#include "model/formats/model_config.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

/// One tensor of the checkpoint within the flat buffer.
struct Parameter {
  std::string name;                 // as in Hugging Face checkpoints
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;          // elements
  std::int64_t elements = 0;
  bool decays = false;              // matrices do, norms do not
};

struct LayerOffsets {
  std::int64_t attention_norm;  // [hidden]
  std::int64_t qkv;             // [heads + 2 kv_heads][dim] x hidden
  std::int64_t output;          // hidden x [heads * dim]
  std::int64_t mlp_norm;        // [hidden]
  std::int64_t gate_up;         // 2 intermediate x hidden
  std::int64_t down;            // hidden x intermediate
};

class Architecture {
 public:
  /// Unsupported when a size does not fit the kernels (multiples of 16).
  static Result<std::shared_ptr<const Architecture>> make(const ModelConfig& config,
                                                          bool exact = false);

  ModelConfig config;
  HeadShape heads;
  std::int64_t layers = 0, hidden = 0, intermediate = 0, vocab = 0, context = 0;
  float epsilon = 0;
  bool exact = false;  // ModelSpec::exact
  std::int64_t embedding = 0, final_norm = 0, head = 0;  // head == embedding when tied
  std::vector<LayerOffsets> layer;
  std::vector<Parameter> parameters;  // by offset, without gaps between neighbours but for padding
  std::int64_t elements = 0;          // of the flat buffer, padding included
  std::int64_t parameter_count = 0;   // of the model
  std::vector<float> cos_sin;         // [context][dim]: see Kernels::rope
};
using ArchitecturePtr = std::shared_ptr<const Architecture>;

}  // namespace troupe::model
