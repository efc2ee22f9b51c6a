#include "tests/support/model_runner.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace tegula::test {

namespace fs = std::filesystem;

std::optional<fs::path> test_data() {
  const char* named = std::getenv("TEGULA_TEST_DATA");
  const fs::path folder = named != nullptr ? fs::path(named) : fs::path(TEGULA_SOURCE_DIR) / "../shared/data";
  return fs::is_directory(folder / "models") ? std::optional(folder) : std::nullopt;
}

Result<std::vector<std::byte>> compile_model(const fs::path& model, const compiler::ImportOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(auto imported, compiler::import_onnx(model, options));
  compiler::PassOptions passes;
  passes.verify_each = true;
  TEGULA_ASSIGN_OR_RETURN(const auto report, run_pipeline(imported.graph, passes));
  return write_program(imported.graph, imported.info, {});
}

Result<Tensors> run_instance(const Program& program, Instance& instance, const Tensors& inputs) {
  std::vector<NamedInput> feeds;
  for (const data::NamedTensor& input : inputs)
    feeds.push_back({input.name, ConstTensorRef(input.tensor.dtype, input.tensor.dims, input.tensor.bytes.data())});
  TEGULA_ASSIGN_OR_RETURN(const auto shapes, instance.output_shapes(feeds));
  Tensors results;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    TEGULA_ASSIGN_OR_RETURN(auto tensor, data::make_tensor(program.outputs()[i].dtype, shapes[i]));
    results.push_back({program.outputs()[i].name, std::move(tensor)});
  }
  std::vector<NamedOutput> outputs;
  for (data::NamedTensor& result : results)
    outputs.push_back({result.name, {result.tensor.dtype, result.tensor.dims, result.tensor.bytes.data()}});
  TEGULA_RETURN_IF_ERROR(instance.run(feeds, outputs));
  return results;
}

Result<Tensors> run_bytes(std::span<const std::byte> file, const Tensors& inputs, const RunOptions& options) {
  OpenOptions open;
  open.max_isa = options.max_isa;
  TEGULA_ASSIGN_OR_RETURN(const auto program, Program::open(file, open));
  TEGULA_ASSIGN_OR_RETURN(auto instance, Instance::create(program, {.threads = options.threads}));
  return run_instance(program, instance, inputs);
}

double relative_error(const data::Tensor& got, const data::Tensor& want) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (got.dtype != DType::kF32 || want.dtype != DType::kF32 || got.count() != want.count()) return kInfinity;
  double difference = 0, magnitude = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(want.count()); ++i) {
    const double a = got.elements<float>()[i], b = want.elements<float>()[i];
    if (std::isnan(a) || std::isnan(b)) return kInfinity;
    difference = std::max(difference, std::abs(a - b));
    magnitude = std::max(magnitude, std::abs(b));
  }
  return magnitude == 0 ? difference : difference / magnitude;
}

std::vector<int64_t> top1(const data::Tensor& logits) {
  const int64_t rows = logits.dims[0], classes = rows == 0 ? 0 : logits.count() / rows;
  std::vector<int64_t> best;
  for (int64_t row = 0; row < rows; ++row) {
    const float* values = logits.elements<float>().data() + row * classes;
    best.push_back(std::max_element(values, values + classes) - values);
  }
  return best;
}

data::Tensor normalise(const data::Tensor& pixels, bool channels_last, const Normalisation& how) {
  const int64_t n = pixels.dims[0], h = pixels.dims[channels_last ? 1 : 2], w = pixels.dims[channels_last ? 2 : 3];
  data::Tensor out = *data::make_tensor(DType::kF32, {n, 3, h, w});
  const uint8_t* in = pixels.elements<uint8_t>().data();
  float* to = out.elements<float>().data();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t p = 0; p < h * w; ++p) {
        const int64_t source = how.bgr ? 2 - c : c;
        const uint8_t pixel = channels_last ? in[(i * h * w + p) * 3 + source] : in[(i * 3 + source) * h * w + p];
        *to++ = (static_cast<float>(pixel) * how.scale - how.mean[c]) / how.deviation[c];
      }
  return out;
}

}  // namespace tegula::test
