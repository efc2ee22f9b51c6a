#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile_types.h"
#include "schema/base/result.h"

namespace tegula::perf {

/// One problem as a line of text, the same in benchmarks, shape files and bug reports:
///
///   gemm:f32 m=128 n=768 k=3072 post=bias+add            weights are packed beforehand
///   matmul:f32 b=12 m=128 n=128 k=64 tb=1 post=alpha     two activations; tb: the second is transposed
///   conv:f32 n=1 ic=64 oc=64 in=56x56 k=3x3 s=1x1 p=1x1 g=1 post=bias+relu
///
/// gemm:u8s8, matmul:u8s8 and conv:u8s8 have integer sums, a multiplier per channel and a dst of u8; gemm:bf16,
/// matmul:bf16 and conv:bf16 a dst of bf16; gemm:f32s8 and gemm:bf16s8 weights of s8 with a scale per channel and a dst
/// of the source's type. Operands of post-ops have the type of dst; alpha is part of the multipliers. post: "none", or
/// bias, alpha, clip(a,b) and functions of schema/functions.inc joined by '+'; functions of two operands read a tensor
/// of the result's size. count says how often a network has the problem; 0 leaves it out of totals.
struct Problem {
  std::string text;  ///< without count
  std::string op;    ///< "gemm:f32"
  std::map<std::string, std::string> fields;
  kernels::EpilogueDesc epilogue;
  int count = 1;

  /// Of the operands: what follows the colon in `op`. f32 where that is no type.
  kernels::TileTypes types() const;

  /// A number that must be there.
  Result<int64_t> number(const std::string& field) const;
  /// "56x56" as two numbers.
  Result<std::vector<int64_t>> numbers(const std::string& field) const;
};

/// kInvalidArgument says which part of the line is wrong.
Result<Problem> parse_problem(std::string_view line);

/// The problems of a shape file: one a line, '#' begins a comment. `type` ("u8s8", "bf16"; "" for none) replaces f32.
Result<std::vector<Problem>> read_problems(const std::string& path, std::string_view type = {});

}  // namespace tegula::perf
