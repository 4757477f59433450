// make_tiny_model FOLDER [--seed N] [--dtype f32|bf16]: writes a random Llama model of about 0.1 M
// parameters that `troupe run` loads within milliseconds, for tests that run the real program. Its
// vocabulary is the 256 bytes and three control tokens. The same seed gives the same bytes.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "model/formats/checkpoint_writer.hpp"
#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/rng.hpp"

namespace {

using namespace troupe;
using namespace troupe::model;

constexpr int kBytes = 256;
const char* const kControl[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

Result<std::shared_ptr<const Tokenizer>> byte_tokenizer() {
  TokenizerData data;
  for (int byte = 0; byte < kBytes; ++byte)
    data.tokens.push_back(byte_level_char(static_cast<unsigned char>(byte)));
  for (const char* name : kControl) {
    data.added.push_back({static_cast<std::int32_t>(data.tokens.size()), name, true});
    data.tokens.push_back(name);
  }
  data.bos = kBytes + 1;
  data.eos = kBytes + 2;
  data.pad = kBytes;
  return Tokenizer::make(std::move(data));
}

ModelConfig tiny_config() {
  ModelConfig c;
  c.hidden_size = 64;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.head_dim = 16;
  c.intermediate_size = 128;
  c.vocab_size = kBytes + 3;
  c.max_position_embeddings = 512;
  c.tie_word_embeddings = true;
  c.bos_token_id = kBytes + 1;
  c.eos_token_ids = {kBytes + 2};
  c.pad_token_id = kBytes;
  return c;
}

Result<void> write(const std::filesystem::path& folder, std::uint64_t seed, Dtype dtype) {
  TROUPE_ASSIGN(const auto tokenizer, byte_tokenizer());
  TROUPE_ASSIGN(auto writer,
                CheckpointWriter::create(real_disk(), folder, tiny_config(), *tokenizer, dtype));
  const std::vector<TensorInfo> tensors = writer.tensors();
  for (std::size_t stream = 0; stream < tensors.size(); ++stream) {
    const TensorInfo& info = tensors[stream];
    const bool norm = info.name.find("norm") != std::string::npos;
    Rng rng(seed, stream);
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    for (float& value : values)
      value = norm ? 1.0f : static_cast<float>(0.2 * (rng.uniform() - 0.5));
    TROUPE_TRY(writer.write_f32(info.name, values));
  }
  return writer.finish();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  Dtype dtype = Dtype::F32;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::cerr << "usage: make_tiny_model FOLDER [--seed N] [--dtype f32|bf16]\n";
    return 2;
  }
  for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] == "--seed") seed = std::strtoull(arguments[i + 1].c_str(), nullptr, 10);
    if (arguments[i] == "--dtype") dtype = arguments[i + 1] == "bf16" ? Dtype::BF16 : Dtype::F32;
  }
  if (auto written = write(arguments[0], seed, dtype); !written.ok()) {
    std::cerr << written.error().text() << "\n";
    return 1;
  }
  return 0;
}
