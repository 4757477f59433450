#include "model/tokenizer/tokenizer.hpp"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <numeric>

#include "model/formats/gguf.hpp"
#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::model {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kTokenizerJsonBytesMax = 128u << 20;

Result<TokenizerData> read_gguf(const fs::path& path) {
  TROUPE_ASSIGN(const GgufFile file, GgufFile::open(path));
  auto data = tokenizer_from_gguf(file);
  if (!data) return data.error().in("'" + path.string() + "'");
  return data;
}

Result<TokenizerData> read_folder(const fs::path& folder) {
  TROUPE_ASSIGN(const std::string json,
                real_disk().read(folder / "tokenizer.json", kTokenizerJsonBytesMax));
  std::string config;
  if (real_disk().exists(folder / "tokenizer_config.json")) {
    TROUPE_ASSIGN(config, real_disk().read(folder / "tokenizer_config.json", 16u << 20));
  }
  auto data = tokenizer_from_json(json, config);
  if (!data) return data.error().in("'" + folder.string() + "'");
  // Newer transformers keep the chat template in a file of its own.
  if (data->chat_template.empty() && real_disk().exists(folder / "chat_template.jinja")) {
    TROUPE_ASSIGN(data->chat_template,
                  real_disk().read(folder / "chat_template.jinja", 1u << 20));
  }
  return data;
}

Result<TokenizerData> read_any(const fs::path& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) return read_gguf(path);
  if (fs::exists(path / "tokenizer.json", code)) return read_folder(path);
  TROUPE_ASSIGN(const auto names, real_disk().list(path));
  std::vector<std::string> found;
  std::copy_if(names.begin(), names.end(), std::back_inserter(found),
               [](const std::string& name) { return name.ends_with(".gguf"); });
  if (found.size() == 1) return read_gguf(path / found.front());
  return Error{ErrorCode::NotFound,
               "'" + path.string() + "' holds no tokenizer.json and not exactly one .gguf file",
               "Give the path of a .gguf file, or a folder with tokenizer.json"};
}

std::string normalized(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  if (U_SUCCESS(status))
    nfc->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                       sink, nullptr, status);
  return U_SUCCESS(status) ? out : std::string(text);
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::open(const fs::path& path) {
  TROUPE_ASSIGN(TokenizerData data, read_any(path));
  auto tokenizer = make(std::move(data));
  if (!tokenizer) return tokenizer.error().in("'" + path.string() + "'");
  return tokenizer;
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::make(TokenizerData data) {
  std::shared_ptr<Tokenizer> tokenizer(new Tokenizer(std::move(data)));
  TROUPE_TRY(tokenizer->build());
  return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
}

Result<void> Tokenizer::build() {
  TROUPE_TRY(bpe_.build(data_));
  pieces_.reserve(data_.tokens.size());
  for (const std::string& token : data_.tokens)
    pieces_.push_back(from_byte_level(token).value_or(token));
  special_.assign(data_.tokens.size(), false);
  for (const AddedToken& token : data_.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (token.id < 0 || id >= pieces_.size() || token.content.empty())
      return Error{ErrorCode::Corrupt, "added token '" + token.content + "' has no valid id",
                   "The tokenizer's file is damaged or not complete: fetch it again"};
    pieces_[id] = token.content;
    special_[id] = token.special;
    if (!token.special) has_plain_added_ = true;
    added_begins_with_[static_cast<unsigned char>(token.content.front())] = true;
  }
  added_by_length_.resize(data_.added.size());
  std::iota(added_by_length_.begin(), added_by_length_.end(), std::size_t{0});
  std::stable_sort(added_by_length_.begin(), added_by_length_.end(),
                   [&](std::size_t a, std::size_t b) {
                     return data_.added[a].content.size() > data_.added[b].content.size();
                   });
  return {};
}

std::vector<Token> Tokenizer::encode(std::string_view text) const {
  std::vector<Token> out;
  if (has_plain_added_) encode_added(text, /*with_special=*/false, out);
  else encode_plain(text, out);
  return out;
}

std::vector<Token> Tokenizer::encode_with_special(std::string_view text) const {
  std::vector<Token> out;
  encode_added(text, /*with_special=*/true, out);
  return out;
}

void Tokenizer::encode_added(std::string_view text, bool with_special,
                             std::vector<Token>& out) const {
  std::size_t start = 0;
  for (std::size_t position = 0; position < text.size();) {
    const AddedToken* match = nullptr;
    if (added_begins_with_[static_cast<unsigned char>(text[position])]) {
      for (const std::size_t index : added_by_length_) {
        const AddedToken& token = data_.added[index];
        if ((with_special || !token.special) && text.substr(position).starts_with(token.content)) {
          match = &token;
          break;
        }
      }
    }
    if (match == nullptr) {
      ++position;
      continue;
    }
    encode_plain(text.substr(start, position - start), out);
    out.push_back(match->id);
    position += match->content.size();
    start = position;
  }
  encode_plain(text.substr(start), out);
}

void Tokenizer::encode_plain(std::string_view text, std::vector<Token>& out) const {
  std::string composed;
  if (data_.nfc) {
    composed = normalized(text);
    text = composed;
  }
  std::vector<std::string_view> pieces;
  split(data_.pretokenizer, text, pieces);
  for (const std::string_view piece : pieces) bpe_.encode(piece, out);
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool skip_special) const {
  return valid_utf8(decode_bytes(tokens, skip_special));
}

std::string Tokenizer::decode_bytes(std::span<const Token> tokens, bool skip_special) const {
  std::string bytes;
  for (const Token token : tokens)
    if (!skip_special || !is_special(token)) bytes += token_to_piece(token);
  return bytes;
}

std::string_view Tokenizer::token_to_piece(Token token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= pieces_.size()) return {};
  return pieces_[static_cast<std::size_t>(token)];
}

std::optional<Token> Tokenizer::id_of(std::string_view name) const {
  for (const AddedToken& token : data_.added)
    if (token.content == name) return token.id;
  return bpe_.find(name);
}

bool Tokenizer::is_special(Token token) const {
  return token >= 0 && static_cast<std::size_t>(token) < special_.size() &&
         special_[static_cast<std::size_t>(token)];
}

}  // namespace troupe::model
