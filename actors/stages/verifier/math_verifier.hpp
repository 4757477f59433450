#pragma once
// verifier.math: 1 when the completion's final answer equals the gold answer, else 0; unscorable
// when the gold answer is not a number. Rules: answer.hpp.
#include <memory>

#include "actors/runtime/stage.hpp"
#include "actors/stages/verifier/answer.hpp"
#include "actors/stages/verifier/verifier.hpp"

namespace troupe::stages {

class MathVerifier final : public Verifier {
 public:
  static Result<std::shared_ptr<const Verifier>> make(const runtime::StageContext& context) {
    MathOptions options;
    options.extract.extract = *answer_form(context.option("extract").as_string());
    return std::shared_ptr<const Verifier>(std::make_shared<const MathVerifier>(options));
  }
  explicit MathVerifier(const MathOptions& options) : options_(options) {}

  Verdict judge(const SampleView& sample) const override {
    return check_math(sample.text(), sample.answer(), options_);
  }

 private:
  MathOptions options_;
};

}  // namespace troupe::stages
