#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/data/data_set.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// How many samples a run takes: `wanted`, or, when that is 0, what the program's first input is fixed to (1 when it is
/// not). `sample`: one of them, with the program's inputs in order.
int64_t samples_per_run(const Program& program, const std::vector<data::NamedTensor>& sample, int64_t wanted);

/// Whether the program takes no other number.
bool is_batch_fixed(const Program& program);

/// The inputs of several samples, joined along their outermost dimension. kInvalidArgument: a sample's dimensions do
/// not go with the others'.
Result<std::vector<data::NamedTensor>> join(std::span<const data::Sample> samples);

/// The part of each output that belongs to one of `count` samples. kInvalidArgument: the outermost dimension of an
/// output does not divide into so many.
Result<std::vector<data::NamedTensor>> part_of(std::span<const data::NamedTensor> outputs, int64_t sample,
                                               int64_t count);

}  // namespace tegula::driver
