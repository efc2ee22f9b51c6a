#pragma once
#include "compiler/graph/graph.h"
#include "compiler/precision/choose_bf16.h"

namespace tegula::compiler {

/// Gives nodes and values the types of choose_bf16(), with Node::rule saying why:
///
///   y = matmul(%x:f32[m,64], %w:f32[64,64])       ->   b = cast(%x) {to=bf16}
///   z = relu(y)                                        y = matmul(b, %w:bf16[64,64]) {to=bf16}
///   return matmul(z, %v:f32[64,64])                    z = eltwise(y) {program=<cast 0 to=f32; relu 1; cast 2
///   to=bf16>}
///                                                      return matmul(z, %v:bf16[64,64])
///
/// Constant weights become bf16; biases stay fp32. Conversions are part of the kernels that load or store (`to`, and
/// instructions of elementwise programs); what is left of them are cast nodes. Inputs and outputs of the graph keep
/// their types. Errors are those of choose_bf16().
Result<bool> assign_bf16(Graph& graph, const Bf16Options& options);

}  // namespace tegula::compiler
