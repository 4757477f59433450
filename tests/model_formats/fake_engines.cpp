// A library in the form of libtroupe_engines.so, for engine_loader_test.
#include "model/engine.hpp"

namespace {
class FakeLibrary final : public troupe::model::EngineLibrary {
 public:
  troupe::Result<std::shared_ptr<troupe::model::Model>> load(const troupe::model::ModelSpec& spec,
                                                             unsigned) override {
    return troupe::Error{troupe::ErrorCode::NotFound, "fake: " + spec.path.string(), ""};
  }
};
}  // namespace

extern "C" troupe::model::EngineLibrary* troupe_engine_library() {
  static FakeLibrary library;
  return &library;
}
