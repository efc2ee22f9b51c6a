#pragma once
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/lowering/constant_store.h"
#include "compiler/progress.h"
#include "schema/base/result.h"
#include "schema/program_generated.h"

namespace tegula::compiler {

/// The tables of a program, but for segments and provenance, and what its constants hold. Constant values have no
/// segment and offset yet: contents[i] is the number in `store` of the bytes of values[i], -1 where a value is no
/// constant.
struct LoweredProgram {
  schema::ProgramT tables;
  std::vector<int32_t> contents;
};

/// Turns a graph that went through the pipeline into steps over values: sizes become rows of the table of expressions,
/// reshapes, and concats and slices where ViewPlan allows, become views, the rest become steps in the graph's order. A
/// graph output that is an input, a constant, part of something or an output already gets a copy.
/// kUnsupported: a node that has no step, or a size that no input tells; kInvalidArgument: a constraint that cannot
/// hold.
Result<LoweredProgram> lower_program(const Graph& graph, ConstantStore& store, const ReportProgress& progress = {});

}  // namespace tegula::compiler
