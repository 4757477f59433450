// vectors DIR: runs every conformance file (*.json) of a folder against the implementation.
// Exit status 0: nothing failed; 1: a case failed or a file is broken; 2: wrong usage.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/conformance/families.hpp"

namespace fs = std::filesystem;
using namespace troupe;
using namespace troupe::vectors;

namespace {

struct Counts {
  int passed = 0, failed = 0, not_implemented = 0;
  int other_conventions = 0;  // expected keys that Troupe does not offer, in cases that passed
};

Families all_families() {
  Families all;
  for (Families part :
       {advantage_families(), loss_families(), ratio_families(), verifier_families()}) {
    all.merge(part);
  }
  return all;
}

void fail(const std::string& family, const VectorCase& c, const std::string& why, Counts& counts) {
  std::printf("FAILED %s/%s: %s\n", family.c_str(), c.id.c_str(), why.c_str());
  ++counts.failed;
}

void run_case(const std::string& name, const Family& family, const VectorCase& c, Counts& counts) {
  Json got;
  try {
    got = family(c.inputs, c.expected);
  } catch (const std::exception& e) {  // nlohmann's, for inputs of an unknown shape
    return fail(name, c, std::string("cannot use the inputs: ") + e.what(), counts);
  }
  int compared = 0, others = 0;
  for (const auto& [key, expected] : c.expected.items()) {
    if (!got.contains(key)) {
      ++others;
      continue;
    }
    ++compared;
    const std::string d = difference(got[key], expected, c);
    if (!d.empty()) return fail(name, c, key + " " + d, counts);
  }
  if (compared == 0) {
    ++counts.not_implemented;
  } else {
    ++counts.passed;
    counts.other_conventions += others;
  }
}

void print_row(const std::string& name, const Counts& c) {
  std::printf("%-28s %7d %7d %16d", name.c_str(), c.passed, c.failed, c.not_implemented);
  if (c.other_conventions > 0) {
    std::printf("   (%d values of conventions that are not offered)", c.other_conventions);
  }
  std::printf("\n");
}

int usage(const std::string& why) {
  std::fprintf(stderr, "%s\nusage: vectors DIR   (DIR holds *.json conformance files)\n",
               why.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return usage("vectors needs exactly one folder");
  std::error_code error;
  if (!fs::is_directory(argv[1], error)) return usage(std::string(argv[1]) + " is not a folder");
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(argv[1], error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  if (error) return usage("cannot list " + std::string(argv[1]) + ": " + error.message());
  if (paths.empty()) return usage(std::string(argv[1]) + " holds no *.json file");
  std::sort(paths.begin(), paths.end());

  const Families families = all_families();
  Counts total;
  int broken = 0;
  std::vector<std::pair<std::string, Counts>> rows;
  for (const fs::path& path : paths) {
    const Result<VectorFile> file = read_vector_file(path);
    if (!file) {
      std::printf("FAILED %s\n", file.error().text().c_str());
      ++broken;
      continue;
    }
    Counts counts;
    const auto family = families.find(file->name);
    for (const VectorCase& c : file->cases) {
      if (family == families.end()) {
        ++counts.not_implemented;
      } else {
        run_case(file->name, family->second, c, counts);
      }
    }
    rows.emplace_back(file->name, counts);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.not_implemented += counts.not_implemented;
    total.other_conventions += counts.other_conventions;
  }

  std::printf("%-28s %7s %7s %16s\n", "family", "passed", "failed", "not implemented");
  for (const auto& [name, counts] : rows) print_row(name, counts);
  print_row("total", total);
  if (broken > 0) std::printf("%d files could not be read\n", broken);
  return total.failed > 0 || broken > 0 ? 1 : 0;
}
