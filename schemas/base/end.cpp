#include "schemas/base/end.hpp"

namespace troupe {

const char* name_of(End end) {
  switch (end) {
    case End::Trained: return "trained";
    case End::Delivered: return "delivered";
    case End::Filtered: return "filtered";
    case End::Unscorable: return "unscorable";
    case End::Failed: return "failed";
    case End::LeftOver: return "left over";
  }
  return "unknown";
}

}  // namespace troupe
