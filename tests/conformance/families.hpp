#pragma once
// What the implementation says for the inputs of a conformance case. A family computes through the
// production functions only; a key of `expected` that it leaves out is a convention or an option
// that Troupe does not offer. Missing or ill-typed inputs throw nlohmann's exceptions; the runner
// reports them.
#include <functional>
#include <map>
#include <string>

#include "tests/conformance/vector_file.hpp"

namespace troupe::vectors {

/// Values by the keys of `expected`; an empty object: nothing of this case is implemented.
using Family = std::function<Json(const Json& inputs, const Json& expected)>;
using Families = std::map<std::string, Family>;

Families advantage_families();
Families loss_families();
Families ratio_families();
Families verifier_families();

}  // namespace troupe::vectors
