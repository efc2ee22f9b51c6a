#include "perf/kernels/peer.h"

namespace tegula::perf {

std::string peer_name() {
  return "";
}

Result<std::unique_ptr<Runner>> make_peer(const Problem& problem) {
  return Error{ErrorCode::kUnsupported, concat("problem '", problem.text, "': this build has no oneDNN")};
}

}  // namespace tegula::perf
