#include "compiler/driver/bundle.h"

#include <algorithm>
#include <cmath>

#include "compiler/driver/compare.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/progress.h"
#include "compiler/writer/program_file.h"
#include "schema/file_layout.h"

namespace tegula::driver {
namespace {

using data::NamedTensor;

struct Vector {
  std::vector<NamedTensor> inputs, outputs;
  double deviation = 0;
};

Result<Vector> make_vector(const Program& program, Instance& instance, const ReferenceModel& model,
                           const std::vector<NamedTensor>& inputs) {
  TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> want, model.run(inputs));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> got, run_once(program, instance, inputs));
  double deviation = 0;
  for (const NamedTensor& output : got) {
    const data::Tensor* expected = data::find_tensor(want, output.name);
    if (expected == nullptr)
      return Error{ErrorCode::kInternal, concat("the model has no output ", data::in_quotes(output.name))};
    const Difference difference = compare(output.tensor, *expected);
    if (!difference.mismatch.empty() || !std::isfinite(difference.relative()) ||
        (difference.is_integer && difference.differing > 0))
      return Error{ErrorCode::kInternal, concat("output ", data::in_quotes(output.name),
                                                " of the program is wrong: ", difference.to_string())};
    deviation = std::max(deviation, difference.relative());
  }
  return Vector{inputs, std::move(want), deviation};
}

/// Collects tensors into one segment.
class SegmentBuilder {
 public:
  explicit SegmentBuilder(uint32_t index) : index_(index) {}

  std::unique_ptr<schema::StoredTensorT> add(const NamedTensor& named) {
    auto stored = std::make_unique<schema::StoredTensorT>();
    stored->name = named.name;
    stored->dtype = static_cast<uint8_t>(named.tensor.dtype);
    stored->dims = named.tensor.dims;
    stored->segment = index_;
    stored->offset = end_;
    stored->bytes = named.tensor.bytes.size();
    source_.parts.push_back({end_, named.tensor.bytes});
    end_ = (end_ + stored->bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
    return stored;
  }
  compiler::SegmentSource source() && { return std::move(source_); }

 private:
  uint32_t index_;
  uint64_t end_ = 0;
  compiler::SegmentSource source_;
};

}  // namespace

Status add_test_vectors(const std::filesystem::path& path, const ReferenceModel& model,
                        const std::vector<std::vector<NamedTensor>>& samples, bool compress) {
  std::vector<Vector> vectors;
  {
    TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path));
    TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program));
    Progress progress("computing reference outputs");
    for (const auto& inputs : samples) {
      TEGULA_ASSIGN_OR_RETURN(Vector vector, make_vector(program, instance, model, inputs));
      vectors.push_back(std::move(vector));
      progress.show("", static_cast<int64_t>(vectors.size()), static_cast<int64_t>(samples.size()));
    }
  }
  TEGULA_ASSIGN_OR_RETURN(compiler::ProgramFile file, compiler::read_program_file(path));
  std::vector<compiler::SegmentSource> segments = file.sources();
  SegmentBuilder builder(static_cast<uint32_t>(segments.size()));
  for (const Vector& vector : vectors) {
    auto stored = std::make_unique<schema::TestVectorT>();
    for (const NamedTensor& input : vector.inputs) stored->inputs.push_back(builder.add(input));
    for (const NamedTensor& output : vector.outputs) stored->outputs.push_back(builder.add(output));
    stored->deviation = vector.deviation;
    file.tables.test_vectors.push_back(std::move(stored));
  }
  segments.push_back(std::move(builder).source());
  return compiler::write_program_file(file.tables, segments, compress, path);
}

}  // namespace tegula::driver
