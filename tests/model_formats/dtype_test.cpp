#include "model/formats/dtype.hpp"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe::model;

TEST_CASE("f16_values_are_exact") {
  CHECK(f16_to_f32(0x3C00) == 1.0f);
  CHECK(f16_to_f32(0xC000) == -2.0f);
  CHECK(f16_to_f32(0x7BFF) == 65504.0f);
  CHECK(f16_to_f32(0x0001) == 0x1.0p-24f);
  CHECK(f16_to_f32(0x0400) == 0x1.0p-14f);
  CHECK(std::signbit(f16_to_f32(0x8000)));
  CHECK(std::isinf(f16_to_f32(0x7C00)));
  CHECK(std::isnan(f16_to_f32(0x7C01)));
}

TEST_CASE("bf16_rounds_to_nearest_even_and_keeps_nan") {
  CHECK(f32_to_bf16(1.0f) == 0x3F80);
  CHECK(f32_to_bf16(1.0f + 0x1.0p-8f) == 0x3F80);           // tie, down to even
  CHECK(f32_to_bf16(1.0f + 0x1.8p-7f) == 0x3F82);           // tie, up to even
  CHECK(f32_to_bf16(1.0f + 0x1.0p-8f + 0x1.0p-20f) == 0x3F81);
  CHECK(std::isnan(bf16_to_f32(f32_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(std::isinf(bf16_to_f32(f32_to_bf16(std::numeric_limits<float>::infinity()))));
  for (unsigned bits = 0; bits < 0x7F80; ++bits)
    REQUIRE(f32_to_bf16(bf16_to_f32(static_cast<std::uint16_t>(bits))) == bits);
}

TEST_CASE("a_block_of_q4_0_has_its_nibbles_in_two_halves") {
  std::vector<std::uint8_t> block(18, 0x88);  // 0 everywhere
  block[0] = 0x00, block[1] = 0x3C;           // scale 1
  block[2] = 0xF0;                            // element 0: -8, element 16: 7
  std::vector<float> out(32);
  to_f32(Dtype::Q4_0, std::as_bytes(std::span(block)), out);
  for (int i = 0; i < 32; ++i) CHECK(out[i] == (i == 0 ? -8.0f : i == 16 ? 7.0f : 0.0f));
}

// expected_blocks.json was made by make_expected_blocks.py with the PyPI package gguf.
TEST_CASE("every_element_type_dequantises_as_the_reference_does") {
  std::ifstream file(std::string(TROUPE_SOURCE_DIR) + "/tests/model_formats/expected_blocks.json");
  const auto rows = nlohmann::json::parse(file);
  REQUIRE(rows.size() == 7);
  for (const auto& row : rows) {
    const auto name = row["type"].get<std::string>();
    INFO(name);
    const auto hex = row["bytes"].get<std::string>();
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    const auto wanted = row["values"].get<std::vector<float>>();
    for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4_1,
                              Dtype::Q4_K, Dtype::Q6_K}) {
      if (name != name_of(dtype)) continue;
      std::vector<float> found(wanted.size());
      to_f32(dtype, std::as_bytes(std::span(bytes)), found);
      for (std::size_t i = 0; i < wanted.size(); ++i)  // the order of roundings is not fixed
        REQUIRE(found[i] == Approx(wanted[i]).epsilon(1e-6).margin(1e-6));
    }
  }
}
