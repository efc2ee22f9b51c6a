#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/loader/program_model.h"
#include "schema/base/result.h"
#include "tegula/instance.h"

namespace tegula::runtime {

/// Which port of `ports` has this name; -1: none. Looks at `guess` first, since callers mostly keep the program's
/// order.
int64_t find_port(const std::vector<ProgramModel::Port>& ports, std::string_view name, std::size_t guess);

/// Checks a caller's tensor against the port's value: type, rank, dimensions (non-negative and of a possible size),
/// and, with `data`, its address: present unless there are no elements, aligned to the element. kInvalidArgument names
/// the port.
Status check_tensor(const ProgramModel& model, const char* kind, const ProgramModel::Port& port, DType dtype,
                    std::span<const int64_t> dims, const void* data, bool needs_data);

/// Elements of an input that feeds shapes: integers as they are, reals as the bits of a double.
void read_elements(DType dtype, const void* data, std::span<int64_t> elements);

/// kInvalidArgument for the first output that shares memory with an input or another output.
Status check_overlaps(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs);

}  // namespace tegula::runtime
