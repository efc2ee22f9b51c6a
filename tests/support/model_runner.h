#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/tensor_data.h"
#include "compiler/driver/compile.h"
#include "tegula/instance.h"
#include "tegula/program.h"

namespace tegula::test {

/// Folder of the real models and images, or nullopt: TEGULA_TEST_DATA, else shared/data beside the checkout.
std::optional<std::filesystem::path> test_data();

/// Import, pipeline (verified after every pass) and program file, in memory.
Result<std::vector<std::byte>> compile_model(const std::filesystem::path& model,
                                             const compiler::ImportOptions& options = {});

using Tensors = std::vector<data::NamedTensor>;

/// One run of a program; all its outputs, in the program's order.
Result<Tensors> run_instance(const Program& program, Instance& instance, const Tensors& inputs);

struct RunOptions {
  std::string max_isa;  ///< empty: what the machine has
  int threads = 1;
};
/// Opens, runs once, closes.
Result<Tensors> run_bytes(std::span<const std::byte> file, const Tensors& inputs, const RunOptions& options = {});

/// Largest |got - want| over all elements, divided by the largest |want|; infinity for other shapes, types or NaN.
double relative_error(const data::Tensor& got, const data::Tensor& want);

/// For each row of a [n, classes] tensor, the index of its largest element.
std::vector<int64_t> top1(const data::Tensor& logits);

/// u8 pixels [n,h,w,3] (channels_last) or [n,3,h,w] as the f32 NCHW input of a model: (pixel * scale - mean[c]) /
/// deviation[c], c counted after an optional swap of RGB to BGR.
struct Normalisation {
  float scale = 1;
  float mean[3] = {0, 0, 0};
  float deviation[3] = {1, 1, 1};
  bool bgr = false;
};
data::Tensor normalise(const data::Tensor& pixels, bool channels_last, const Normalisation& how);

}  // namespace tegula::test
