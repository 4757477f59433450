#include "graphs/compose.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;  // a graph is read by people
constexpr std::size_t kDeepest = 16;           // files above each other; more is a mistake

/// One file that was read, and where it says what it extends.
struct Layer {
  std::filesystem::path file;
  std::uint32_t source = 0;
  RawNode root;
  std::optional<Span> extends;
};

class Composer {
 public:
  Composer(const ReadFile& read, Sources& sources, Findings& findings)
      : read_(read), sources_(sources), findings_(findings) {}

  /// From the file to its lowest base. Empty after a finding.
  std::vector<Layer> chain(const std::filesystem::path& file) {
    std::vector<Layer> out;
    std::filesystem::path next = file;
    for (;;) {
      auto layer = read(next, out.empty() ? nullptr : &*out.back().extends);
      if (!layer) return {};
      out.push_back(std::move(*layer));
      Layer& top = out.back();
      const RawEntry* entry = top.root.find("extends");
      if (!entry) return out;
      if (entry->value.type != RawNode::Type::String || entry->value.string.empty()) {
        findings_
            .error(
                codes::kWrongType,
                fmt::format("`extends` is the path of a file, not {}",
                            entry->value.type == RawNode::Type::String ? "an empty text"
                                                                       : entry->value.describe()),
                entry->value.span, "expected a path in quotes")
            .help.push_back("write extends = \"base.toml\"; one file extends one other");
        return {};
      }
      top.extends = entry->value.span;
      next = beside(top.file, entry->value.string);
      if (closes_cycle(out, next) || too_deep(out)) return {};
    }
  }

  std::optional<Layer> overlay(const std::filesystem::path& file, const Span& named) {
    auto layer = read(file, &named);
    if (!layer) return layer;
    const RawEntry* entry = layer->root.find("extends");
    if (!entry) return layer;
    findings_
        .error(codes::kOverlayExtends, "an overlay extends nothing", entry->key_span,
               "lies over the graph, whatever that extends")
        .help.push_back("remove the line; to lay several files over a graph, repeat --with");
    return std::nullopt;
  }

 private:
  static std::filesystem::path beside(const std::filesystem::path& file, const std::string& path) {
    const std::filesystem::path named(path);
    return (named.is_absolute() ? named : file.parent_path() / named).lexically_normal();
  }
  static std::filesystem::path identity(const std::filesystem::path& file) {
    std::error_code error;
    const auto known = std::filesystem::weakly_canonical(file, error);
    return error ? file.lexically_normal() : known;
  }

  bool closes_cycle(const std::vector<Layer>& chain, const std::filesystem::path& next) {
    const auto first = std::find_if(chain.begin(), chain.end(), [&](const Layer& layer) {
      return identity(layer.file) == identity(next);
    });
    if (first == chain.end()) return false;
    std::string way;
    for (auto layer = first; layer != chain.end(); ++layer) {
      way += layer->file.filename().string() + " -> ";
    }
    Diagnostic& found = findings_.error(
        codes::kExtendsCycle, "files extend each other: " + way + next.filename().string(),
        *chain.back().extends,
        first + 1 == chain.end() ? "this is the file itself" : "this closes the circle");
    for (auto layer = first; layer + 1 != chain.end(); ++layer) {
      found.secondary.push_back({*layer->extends, "extended here"});
    }
    found.help.push_back("one of them must be the base: remove its `extends`");
    return true;
  }

  bool too_deep(const std::vector<Layer>& chain) {
    if (chain.size() < kDeepest) return false;
    Diagnostic& found =
        findings_.error(codes::kExtendsTooDeep, fmt::format("{} files on each other", kDeepest + 1),
                        *chain.back().extends, "one too many");
    found.secondary.push_back({*chain.front().extends, "the first of them"});
    found.help.push_back(fmt::format("at most {}: put some of them into one file", kDeepest));
    return true;
  }

  /// `named`: where another text names the file.
  std::optional<Layer> read(const std::filesystem::path& file, const Span* named) {
    const auto index = static_cast<std::uint32_t>(sources_.size());
    sources_.push_back({file.string(), "", true});
    auto text = read_(file);
    if (!text.ok()) {
      unreadable(file, index, named, text.error().message);
      return std::nullopt;
    }
    Source& source = sources_.back();
    source.text = std::move(*text);
    if (source.text.starts_with("\xEF\xBB\xBF")) source.text.erase(0, 3);  // some editors' mark
    if (source.text.size() > kLargestFile) {
      Diagnostic& found =
          findings_.error(codes::kUnreadable, fmt::format("{} is larger than 1 MiB", source.name),
                          Span{index, 0, 1});
      if (named) found.secondary.push_back({*named, "named here"});
      found.help.push_back("a graph file is small: is this the right file?");
      return std::nullopt;
    }
    auto root = read_toml(source, index, findings_);
    if (!root) {
      Diagnostic* found = findings_.last();
      if (named && found) found->secondary.push_back({*named, "named here"});
      return std::nullopt;
    }
    return Layer{file, index, std::move(*root), std::nullopt};
  }

  void unreadable(const std::filesystem::path& file, std::uint32_t index, const Span* named,
                  const std::string& why) {
    Diagnostic& found =
        findings_.error(named ? codes::kNoBase : codes::kUnreadable,
                        fmt::format("cannot read {}: {}", file.string(), why),
                        named ? *named : Span{index, 0, 0}, named ? "named here" : "");
    if (!named) {
      found.help.push_back("name a graph file; examples/ has some to begin with");
    } else if (sources_[named->source].is_file) {
      found.help.push_back(
          fmt::format("`extends` counts from the folder of the file that says it, "
                      "{}",
                      folder_text(sources_[named->source].name)));
    } else {
      found.help.push_back("--with names a file, from where the command runs");
    }
  }
  static std::string folder_text(const std::string& file) {
    const auto folder = std::filesystem::path(file).parent_path();
    return folder.empty() ? "this one" : folder.string();
  }

  const ReadFile& read_;
  Sources& sources_;
  Findings& findings_;
};

void move_spans(RawNode& node, std::uint32_t source) {  // as deep as the reader allows
  node.span.source = source;
  for (RawNode& item : node.array) move_spans(item, source);
  for (RawEntry& entry : node.table) {
    entry.key_span.source = source;
    move_spans(entry.value, source);
  }
}

/// The values of a phase's `set`, each at its path: tables merge here as well.
void assign_all(RawNode& root, const std::vector<RawEntry>& before, RawNode& table,
                Findings& findings) {
  for (RawEntry& entry : table.table) {
    std::vector<RawEntry> path = before;
    const std::vector<std::string> keys = key_path(entry.key);
    for (const std::string& key : keys) path.push_back({key, entry.key_span, {}});
    if (keys.empty()) path.push_back({entry.key, entry.key_span, {}});
    if (entry.value.type == RawNode::Type::Fields) {
      assign_all(root, path, entry.value, findings);
    } else {
      assign(root, path, std::move(entry.value), findings);
    }
  }
}

}  // namespace

ReadFile files_on_disk() {
  return [](const std::filesystem::path& file) -> Result<std::string> {
    std::error_code error;
    const auto refuse = [](const char* why) { return Error{ErrorCode::NotFound, why, ""}; };
    if (std::filesystem::is_directory(file, error)) return refuse("it is a folder");
    if (!std::filesystem::exists(file, error)) return refuse("there is no such file");
    std::ifstream stream(file, std::ios::binary);
    // One byte more than allowed is enough to know that it is too large.
    std::string text(kLargestFile + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
    if (stream.bad() || !(stream.eof() || stream.good()))
      return refuse("the system refused to read it");
    return text;
  };
}

std::optional<Composed> compose(const GraphInput& input, const PhaseSet& phase,
                                const ReadFile& read, Sources& sources, Findings& findings) {
  Composer composer(read, sources, findings);
  std::vector<Layer> layers = composer.chain(input.file);
  bool complete = !layers.empty();
  std::reverse(layers.begin(), layers.end());
  for (const std::filesystem::path& overlay : input.overlays) {
    const auto index = static_cast<std::uint32_t>(sources.size());
    sources.push_back({"--with", overlay.string(), false});
    const Span named{index, 0, static_cast<std::uint32_t>(sources.back().text.size())};
    auto layer = composer.overlay(overlay, named);
    complete = complete && layer;
    if (layer) layers.push_back(std::move(*layer));
  }
  if (!complete) return std::nullopt;
  Composed out;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    out.layers.push_back(layers[i].source);
    lay_over(out, std::move(layers[i].root), i == 0, findings);
  }
  if (phase.table) {
    const auto index = static_cast<std::uint32_t>(sources.size());
    out.layers.push_back(index);
    sources.push_back(*phase.recipe);
    RawNode table = *phase.table;
    move_spans(table, index);
    assign_all(out.root, {}, table, findings);
  }
  for (const std::string& set : input.sets) {
    out.layers.push_back(static_cast<std::uint32_t>(sources.size()));
    sources.push_back({"--set", set, false});
    apply_set(out.root, sources.back(), static_cast<std::uint32_t>(sources.size() - 1), findings);
  }
  return out;
}

}  // namespace troupe::graphs
