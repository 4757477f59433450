#pragma once
// What a plan needs of memory and cores, from the shapes of its models: which engines its stages
// make (the options that RealEngines passes on), and what each of them allocates
// (model/memory.hpp). Pure; no model is opened here.
#include <map>
#include <string>

#include "graphs/resources.hpp"
#include "model/memory.hpp"

namespace troupe::stages {

/// By name of the model. An error says why its shape is unknown.
using ModelShapes = std::map<std::string, Result<model::ModelFacts>, std::less<>>;

/// What the program starts of itself.
struct Threads {
  unsigned machine = 1;  // cores of this machine; what [run] threads = 0 means
  unsigned events = 2;   // of the host
  unsigned workers = 2;  // that judge
};

/// Rows of memory by owner, and who uses which cores. machine_bytes and must_fit are the caller's.
graphs::Resources resources_of(const graphs::Plan& plan, const ModelShapes& shapes,
                               const Threads& threads);

}  // namespace troupe::stages
