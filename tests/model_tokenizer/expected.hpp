#pragma once
// Reading the data that make_expected_tokens.py made.
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/tokenizer/tokenizer.hpp"
#include "tests/model_formats/model_file.hpp"

namespace expected {

using troupe::model::Token;

/// Ids as base64 of little-endian uint16.
inline std::vector<Token> unpack(const std::string& base64) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned> bytes;
  unsigned bits = 0, value = 0;
  for (const char c : base64) {
    if (c == '=') break;
    const auto at = std::string_view(kAlphabet).find(c);
    value = (value << 6) | static_cast<unsigned>(at);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back((value >> bits) & 0xFF);
    }
  }
  std::vector<Token> ids;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    ids.push_back(static_cast<Token>(bytes[i] | (bytes[i + 1] << 8)));
  return ids;
}

/// Lines of two strings.
inline std::vector<std::pair<std::string, std::string>> lines(const std::string& name) {
  std::ifstream file(std::string(TROUPE_SOURCE_DIR) + "/tests/model_tokenizer/" + name);
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    rows.emplace_back(row[0].get<std::string>(), row[1].get<std::string>());
  }
  return rows;
}

/// The small real model's tokenizer, opened once; nullptr when the model is not there.
inline std::shared_ptr<const troupe::model::Tokenizer> real_tokenizer() {
  static const auto tokenizer = [] {
    std::shared_ptr<const troupe::model::Tokenizer> none;
    if (model_file().empty()) return none;
    auto opened = troupe::model::Tokenizer::open(model_file());
    return opened ? *opened : none;
  }();
  return tokenizer;
}

}  // namespace expected
