#include "compiler/passes/eliminate_shape_subgraphs.h"
#include "compiler/passes/pass.h"
#include "compiler/passes/remove_dead.h"

// A row: the pass, and whether lowering depends on it.
#define TEGULA_PASS(name) \
  PassRow {               \
    #name, name, false    \
  }
#define TEGULA_REQUIRED_PASS(name) \
  PassRow {                        \
    #name, name, true              \
  }

namespace tegula::compiler {
namespace {

// In the order in which they run; the comment says why a row stands where it stands.
constexpr PassRow kPipeline[] = {
    TEGULA_REQUIRED_PASS(eliminate_shape_subgraphs),  // first: what only computes shapes is no work for other passes
    TEGULA_PASS(remove_dead),                         // last: the others leave what nobody reads any more
};

}  // namespace

std::span<const PassRow> pipeline() {
  return kPipeline;
}

}  // namespace tegula::compiler
