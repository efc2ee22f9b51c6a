#include "tests/support/program_builder.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace tegula::test {
namespace {

uint64_t round_up(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

std::vector<std::byte> compressed(std::span<const std::byte> bytes) {
  std::vector<std::byte> result(ZSTD_compressBound(bytes.size()));
  const std::size_t n = ZSTD_compress(result.data(), result.size(), bytes.data(), bytes.size(), 3);
  if (ZSTD_isError(n)) throw std::runtime_error(ZSTD_getErrorName(n));
  result.resize(n);
  return result;
}

std::vector<std::byte> pack(const schema::ProgramT& tables) {
  flatbuffers::FlatBufferBuilder builder;
  schema::FinishProgramBuffer(builder, schema::Program::Pack(builder, &tables));
  const auto* begin = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {begin, begin + builder.GetSize()};
}

}  // namespace

ProgramBuilder::ProgramBuilder() {
  tables_.numerics_version = kNumericsVersion;
}

ProgramBuilder::Expression ProgramBuilder::number(int64_t value) {
  for (std::size_t i = 0; i < tables_.expressions.size(); ++i) {
    const schema::ExprT& row = *tables_.expressions[i];
    if (row.op == static_cast<uint8_t>(ExprOp::kConstant) && row.value == value) return {static_cast<uint32_t>(i)};
  }
  auto row = std::make_unique<schema::ExprT>();
  row->op = static_cast<uint8_t>(ExprOp::kConstant);
  row->value = value;
  tables_.expressions.push_back(std::move(row));
  return {static_cast<uint32_t>(tables_.expressions.size() - 1)};
}

ProgramBuilder::Expression ProgramBuilder::symbol(const std::string& name, int64_t min, int64_t max) {
  auto symbol = std::make_unique<schema::SymbolT>();
  symbol->name = name;
  symbol->min = min;
  symbol->max = max;
  tables_.symbols.push_back(std::move(symbol));
  auto row = std::make_unique<schema::ExprT>();
  row->op = static_cast<uint8_t>(ExprOp::kSymbol);
  row->value = static_cast<int64_t>(tables_.symbols.size() - 1);
  tables_.expressions.push_back(std::move(row));
  return {static_cast<uint32_t>(tables_.expressions.size() - 1)};
}

ProgramBuilder::Expression ProgramBuilder::expression(ExprOp op, Dimension a, Dimension b, Dimension c, double scale) {
  auto row = std::make_unique<schema::ExprT>();
  row->op = static_cast<uint8_t>(op);
  row->a = index_of(a);
  row->b = index_of(b);
  row->c = index_of(c);
  row->scale = scale;
  tables_.expressions.push_back(std::move(row));
  return {static_cast<uint32_t>(tables_.expressions.size() - 1)};
}

void ProgramBuilder::constraint(schema::ConstraintKind kind, Dimension a, Dimension b, const std::string& message) {
  auto constraint = std::make_unique<schema::ConstraintT>();
  constraint->kind = kind;
  constraint->a = index_of(a);
  constraint->b = index_of(b);
  constraint->message = message;
  tables_.constraints.push_back(std::move(constraint));
}

uint32_t ProgramBuilder::index_of(const Dimension& dimension) {
  return dimension.is_expression ? dimension.expression.index : number(dimension.number).index;
}

std::vector<uint32_t> ProgramBuilder::indices_of(const Shape& shape) {
  std::vector<uint32_t> indices;
  for (const Dimension& dimension : shape) indices.push_back(index_of(dimension));
  return indices;
}

int32_t ProgramBuilder::add_value(const std::string& name, DType dtype, const Shape& shape, Storage storage) {
  auto value = std::make_unique<schema::ValueT>();
  value->name = name;
  value->dtype = static_cast<uint8_t>(dtype);
  value->dims = indices_of(shape);
  value->storage = static_cast<uint8_t>(storage);
  tables_.values.push_back(std::move(value));
  return static_cast<int32_t>(tables_.values.size() - 1);
}

int32_t ProgramBuilder::input(const std::string& name, DType dtype, const Shape& shape) {
  const int32_t value = add_value(name, dtype, shape, Storage::kInput);
  auto port = std::make_unique<schema::PortT>();
  port->name = name;
  port->value = static_cast<uint32_t>(value);
  tables_.inputs.push_back(std::move(port));
  return value;
}

int32_t ProgramBuilder::output(const std::string& name, DType dtype, const Shape& shape) {
  const int32_t value = add_value(name, dtype, shape, Storage::kOutput);
  auto port = std::make_unique<schema::PortT>();
  port->name = name;
  port->value = static_cast<uint32_t>(value);
  tables_.outputs.push_back(std::move(port));
  return value;
}

int32_t ProgramBuilder::arena(const std::string& name, DType dtype, const Shape& shape) {
  return add_value(name, dtype, shape, Storage::kArena);
}

int32_t ProgramBuilder::view(const std::string& name, int32_t base, const Shape& shape, Dimension offset,
                             const Shape& strides) {
  const auto dtype = static_cast<DType>(tables_.values[static_cast<std::size_t>(base)]->dtype);
  const int32_t value = add_value(name, dtype, shape, Storage::kView);
  schema::ValueT& row = *tables_.values[static_cast<std::size_t>(value)];
  row.base = base;
  if (offset.is_expression || offset.number != 0) row.view_offset = static_cast<int32_t>(index_of(offset));
  row.strides = indices_of(strides);
  return value;
}

int32_t ProgramBuilder::shape_input(const std::string& name, DType dtype, const Dims& dims,
                                    const std::vector<Expression>& symbols) {
  const int32_t value = input(name, dtype, Shape(dims.begin(), dims.end()));
  for (const Expression symbol : symbols)
    tables_.inputs.back()->element_symbols.push_back(static_cast<uint32_t>(tables_.expressions[symbol.index]->value));
  return value;
}

int32_t ProgramBuilder::constant(const std::string& name, DType dtype, const Dims& dims,
                                 std::span<const std::byte> bytes, Packing packing) {
  const int32_t value = add_value(name, dtype, Shape(dims.begin(), dims.end()), Storage::kConstant);
  constants_.resize(round_up(constants_.size(), kTensorAlignment));
  schema::ValueT& row = *tables_.values[static_cast<std::size_t>(value)];
  row.offset = constants_.size();
  row.bytes = bytes.size();
  row.packing = static_cast<uint8_t>(packing);
  constants_.insert(constants_.end(), bytes.begin(), bytes.end());
  return value;
}

schema::StepT& ProgramBuilder::add_step(std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
  auto step = std::make_unique<schema::StepT>();
  step->name = "step_" + std::to_string(tables_.steps.size());
  step->inputs = std::move(inputs);
  step->outputs = std::move(outputs);
  step->onnx_nodes = {"node_" + std::to_string(tables_.steps.size())};
  tables_.steps.push_back(std::move(step));
  return *tables_.steps.back();
}

std::vector<std::byte> ProgramBuilder::file() const {
  // The object API copies neither tables nor unions without a detour: read back what was packed.
  const std::vector<std::byte> packed = pack(tables_);
  schema::ProgramT tables;
  schema::GetProgram(packed.data())->UnPackTo(&tables);
  const std::vector<std::byte> stored = compress_ ? compressed(constants_) : constants_;
  const bool has_segment = !constants_.empty();
  if (has_segment) {
    auto segment = std::make_unique<schema::SegmentT>();
    segment->bytes = constants_.size();
    segment->stored_bytes = stored.size();
    segment->compressed = compress_;
    segment->xxh3 = checksum(stored.data(), stored.size());
    segment->offset = UINT64_MAX;  // not the default, so that the final value takes no more room
    tables.segments.push_back(std::move(segment));
    const uint64_t alignment =
        !compress_ && constants_.size() >= kLargeSegmentBytes ? kLargeSegmentAlignment : kSegmentAlignment;
    tables.segments.back()->offset = round_up(kTablesOffset + pack(tables).size(), alignment);
  }
  return assemble_file(pack(tables), stored);
}

std::vector<std::byte> assemble_file(std::span<const std::byte> tables, std::span<const std::byte> segments) {
  const uint64_t tables_end = kTablesOffset + tables.size();
  const uint64_t alignment = segments.size() >= kLargeSegmentBytes ? kLargeSegmentAlignment : kSegmentAlignment;
  const uint64_t segments_begin = segments.empty() ? tables_end : round_up(tables_end, alignment);
  std::vector<std::byte> file(segments_begin + segments.size());
  FileHeader header{};
  header.magic = kMagic;
  header.format_version = kFormatVersion;
  header.min_reader_version = kMinReaderVersion;
  header.file_bytes = file.size();
  header.tables_offset = kTablesOffset;
  header.tables_bytes = tables.size();
  std::memcpy(file.data(), &header, sizeof header);
  std::copy(tables.begin(), tables.end(), file.begin() + static_cast<std::ptrdiff_t>(kTablesOffset));
  std::copy(segments.begin(), segments.end(), file.begin() + static_cast<std::ptrdiff_t>(segments_begin));
  correct_checksums(file);
  return file;
}

void correct_checksums(std::span<std::byte> file) {
  FileHeader header;
  if (file.size() < sizeof header) return;
  std::memcpy(&header, file.data(), sizeof header);
  if (header.tables_offset <= file.size() && header.tables_bytes <= file.size() - header.tables_offset)
    header.tables_xxh3 = checksum(file.data() + header.tables_offset, header.tables_bytes);
  header.header_xxh3 = checksum(&header, offsetof(FileHeader, header_xxh3));
  std::memcpy(file.data(), &header, sizeof header);
}

}  // namespace tegula::test
