#include <algorithm>

#include "runtime/loader/validate_program.h"

namespace tegula::runtime {
namespace {

// zstd makes at most 128 KiB out of a block of 4 bytes, so a frame cannot promise more.
constexpr uint64_t kLargestRatio = 32 * 1024;

Status check_segment(const ProgramModel::Segment& segment, std::size_t i, uint64_t tables_end, uint64_t file_bytes) {
  const uint64_t alignment =
      !segment.compressed && segment.bytes >= kLargeSegmentBytes ? kLargeSegmentAlignment : kSegmentAlignment;
  if (segment.offset % alignment != 0)
    return invalid("segments[", i, "]: offset ", segment.offset, " is no multiple of ", alignment);
  if (segment.offset < tables_end || segment.offset > file_bytes || segment.stored_bytes > file_bytes - segment.offset)
    return invalid("segments[", i, "]: ", segment.stored_bytes, " bytes at ", segment.offset,
                   " are not within the file of ", file_bytes, " bytes, behind the tables");
  if (segment.compressed ? segment.bytes / kLargestRatio > segment.stored_bytes : segment.bytes != segment.stored_bytes)
    return invalid("segments[", i, "]: ", segment.stored_bytes, " stored bytes cannot be ", segment.bytes, " bytes");
  return {};
}

}  // namespace

Status validate_segments(ProgramModel& model, uint64_t file_bytes) {
  const auto* rows = model.tables.program->segments();
  for (std::size_t i = 0; i < size_of_vector(rows); ++i) {
    const schema::Segment& row = *rows->Get(static_cast<uint32_t>(i));
    model.segments.push_back({row.offset(), row.bytes(), row.stored_bytes(), row.xxh3(), row.compressed()});
    TEGULA_RETURN_IF_ERROR(check_segment(model.segments.back(), i, model.tables.end, file_bytes));
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < model.segments.size(); ++i)
    if (model.segments[i].stored_bytes != 0) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return model.segments[a].offset < model.segments[b].offset; });
  for (std::size_t k = 1; k < order.size(); ++k) {
    const ProgramModel::Segment &before = model.segments[order[k - 1]], &segment = model.segments[order[k]];
    if (segment.offset - before.offset < before.stored_bytes)
      return invalid("segments[", order[k], "]: overlaps segments[", order[k - 1], "] at ", segment.offset);
  }
  return {};
}

Status validate_test_vectors(ProgramModel& model) {
  const auto check = [&](const schema::StoredTensor& tensor, std::size_t vector) -> Status {
    const auto where = [&] { return concat("test_vectors[", vector, "] ", quoted(tensor.name()->string_view())); };
    if (!is_valid(static_cast<DType>(tensor.dtype())))
      return invalid(where(), ": no type has the number ", int{tensor.dtype()});
    Dims dims;
    if (size_of_vector(tensor.dims()) > kernels::kMaxRank)
      return invalid(where(), ": rank ", tensor.dims()->size(), " exceeds ", kernels::kMaxRank);
    for (std::size_t d = 0; d < size_of_vector(tensor.dims()); ++d)
      dims.push_back(tensor.dims()->Get(static_cast<uint32_t>(d)));
    const auto count = checked_element_count(dims);
    int64_t bytes = 0;
    if (!count ||
        __builtin_mul_overflow(*count, static_cast<int64_t>(size_of(static_cast<DType>(tensor.dtype()))), &bytes) ||
        static_cast<uint64_t>(bytes) != tensor.bytes())
      return invalid(where(), ": ", tensor.bytes(), " bytes do not hold ", to_string(dims));
    if (tensor.segment() >= model.segments.size())
      return invalid(where(), ": segment ", tensor.segment(), " of ", model.segments.size());
    const uint64_t room = model.segments[tensor.segment()].bytes;
    if (tensor.offset() > room || tensor.bytes() > room - tensor.offset() || tensor.offset() % kTensorAlignment != 0)
      return invalid(where(), ": ", tensor.bytes(), " bytes at ", tensor.offset(), " do not fit segment ",
                     tensor.segment());
    return {};
  };
  const auto* vectors = model.tables.program->test_vectors();
  for (std::size_t i = 0; i < size_of_vector(vectors); ++i) {
    const schema::TestVector& vector = *vectors->Get(static_cast<uint32_t>(i));
    for (const auto* tensors : {vector.inputs(), vector.outputs()})
      for (std::size_t t = 0; t < size_of_vector(tensors); ++t)
        TEGULA_RETURN_IF_ERROR(check(*tensors->Get(static_cast<uint32_t>(t)), i));
  }
  return {};
}

}  // namespace tegula::runtime
