#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <vector>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {
namespace {

/// The messages of one output of `check`: parted by blank lines, each beginning "error[E0107]: ".
void take_messages(const std::string& text, std::map<std::string, std::string>& shortest) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    const std::string message = text.substr(begin, end - begin);
    begin = end + 2;
    const std::size_t open = message.find('['), close = message.find("]: ");
    if (open == std::string::npos || close == std::string::npos || close < open) continue;
    std::string& best = shortest[message.substr(open + 1, close - open - 1)];
    if (best.empty() || message.size() < best.size()) best = message;
  }
}

Result<std::map<std::string, std::string>> examples_in(const std::string& folder) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> out;
  std::error_code failed;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  if (failed || files.empty())
    return Error{ErrorCode::NotFound, "'" + folder + "' holds no outputs of `troupe check`",
                 "Name a folder with *.txt files, such as tests/golden/graphs"};
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    TROUPE_ASSIGN(const std::string text, real_disk().read(file));
    take_messages(text, out);
  }
  return out;
}

}  // namespace

int reference(const std::string& examples) {
  std::map<std::string, std::string> messages;
  if (!examples.empty()) {
    auto found = examples_in(examples);
    if (!found) return complain(found.error(), kUsage);
    messages = std::move(*found);
  }
  std::cout << graphs::print_reference(all_kinds().contracts(), messages);
  return kDone;
}

}  // namespace troupe::cli
