#pragma once
// KindSet: every kind this program knows, its contract beside the factory of its stages. `main`
// fills it (actors/stages/kinds.hpp); there is no other registration. Checking and planning use
// the contracts alone. Must outlive the plans made with it.
#include <map>
#include <string>

#include "actors/runtime/stage.hpp"
#include "graphs/contract.hpp"

namespace troupe::runtime {

class KindSet {
 public:
  void add(graphs::Contract contract, StageFactory factory) {
    factories_.emplace(contract.kind, std::move(factory));
    contracts_.add(std::move(contract));
  }
  const graphs::Kinds& contracts() const { return contracts_; }
  const StageFactory& factory(const std::string& kind) const {
    const auto it = factories_.find(kind);
    TROUPE_ASSERT(it != factories_.end(), "a plan names a kind that was not registered: " + kind);
    return it->second;
  }

 private:
  graphs::Kinds contracts_;
  std::map<std::string, StageFactory> factories_;
};

}  // namespace troupe::runtime
