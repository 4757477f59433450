#pragma once
// Every kind of stage that Troupe has, registered by name: what `main` puts into the KindSet. A new
// verifier needs one file with its class, and one line here.
#include <map>
#include <memory>
#include <type_traits>

#include "actors/runtime/kinds.hpp"
#include "actors/stages/verifier/verifier.hpp"

namespace troupe::stages {

/// Fills a KindSet. Verifiers are registered by class: from a StageContext, or without arguments.
class KindRegistry {
 public:
  using VerifierMaker =
      std::function<Result<std::shared_ptr<const Verifier>>(const runtime::StageContext&)>;

  explicit KindRegistry(runtime::KindSet& kinds)
      : kinds_(kinds), verifiers_(std::make_shared<std::map<std::string, VerifierMaker>>()) {}

  /// `V` derives from Verifier. Its contract gets the ports of a verifier and the options that all
  /// of them have: workers, timeout, retries.
  template <class V>
  void add(graphs::ContractBuilder contract) {
    add_verifier(std::move(contract), [](const runtime::StageContext& context) {
      if constexpr (std::is_constructible_v<V, const runtime::StageContext&>)
        return Result<std::shared_ptr<const Verifier>>(std::make_shared<const V>(context));
      else
        return Result<std::shared_ptr<const Verifier>>(
            (static_cast<void>(context), std::make_shared<const V>()));
    });
  }
  void add_verifier(graphs::ContractBuilder contract, VerifierMaker maker);
  void add_stage(graphs::Contract contract, runtime::StageFactory factory) {
    kinds_.add(std::move(contract), std::move(factory));
  }
  /// What evaluators make their judges with; complete once everything is registered.
  std::shared_ptr<const std::map<std::string, VerifierMaker>> verifiers() const {
    return verifiers_;
  }

 private:
  runtime::KindSet& kinds_;
  std::shared_ptr<std::map<std::string, VerifierMaker>> verifiers_;
};

void register_kinds(KindRegistry& kinds);

}  // namespace troupe::stages
