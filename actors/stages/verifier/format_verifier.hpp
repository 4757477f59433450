#pragma once
// verifier.format: whether a completion has the form that a rule asks for, whatever it says. Rules:
// format.hpp.
#include <memory>

#include "actors/runtime/stage.hpp"
#include "actors/stages/verifier/format.hpp"
#include "actors/stages/verifier/verifier.hpp"

namespace troupe::stages {

class FormatVerifier final : public Verifier {
 public:
  static Result<std::shared_ptr<const Verifier>> make(const runtime::StageContext& context) {
    const FormatRule rule = *format_rule(context.option("rule").as_string());
    return std::shared_ptr<const Verifier>(std::make_shared<const FormatVerifier>(rule));
  }
  explicit FormatVerifier(FormatRule rule) : rule_(rule) {}

  Verdict judge(const SampleView& sample) const override {
    return scored(format_score(rule_, sample.text(), sample.finished()));
  }

 private:
  FormatRule rule_;
};

}  // namespace troupe::stages
