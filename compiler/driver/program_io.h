#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/random_tensor.h"
#include "compiler/data/tensor_data.h"
#include "schema/base/result.h"
#include "tegula/instance.h"
#include "tegula/program.h"

namespace tegula::driver {

/// Between tensors that own their data and the runtime's references. Shared by aotc and runbench.

/// How tools open programs; with `verbose` what the runtime says (but errors, which calls return) goes to stderr.
OpenOptions open_options(bool verbose);

std::vector<std::string> input_names(const Program& program);
std::vector<std::string> output_names(const Program& program);

/// The program's inputs, in its order, out of `given`, each converted to the program's type where that changes no
/// element. kInvalidArgument: one is missing, there is one that the program does not have, or a type does not convert.
Result<std::vector<data::NamedTensor>> match_inputs(const Program& program, std::vector<data::NamedTensor> given);

std::vector<NamedInput> references(std::span<const data::NamedTensor> inputs);
std::vector<NamedOutput> references(std::span<data::NamedTensor> outputs);

/// Memory for every output, in the program's order, in the shapes that these inputs give.
Result<std::vector<data::NamedTensor>> allocate_outputs(const Program& program, Instance& instance,
                                                        std::span<const data::NamedTensor> inputs);

/// Runs once.
Result<std::vector<data::NamedTensor>> run_once(const Program& program, Instance& instance,
                                                std::span<const data::NamedTensor> inputs);

/// What decides the shapes and elements of made-up inputs.
struct InputRequest {
  std::map<std::string, int64_t> dims;              ///< symbols; those not named are 1, or as near to it as they may be
  std::map<std::string, Dims> shapes;               ///< whole inputs, instead of what the program says
  std::map<std::string, data::RandomRange> ranges;  ///< of elements, by input
  uint64_t seed = 1;
};

/// The shape of each input for the request. kInvalidArgument: it names what the program does not have, or the shape of
/// an input depends on symbols in a way that only --shape can settle.
Result<std::vector<Dims>> input_shapes(const Program& program, const InputRequest& request);

/// Inputs of random elements (data/random_tensor.h), in the program's order.
Result<std::vector<data::NamedTensor>> random_inputs(const Program& program, const InputRequest& request);

}  // namespace tegula::driver
