#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/gemm/packed_size.h"
#include "runtime/loader/validate_program.h"

namespace tegula::runtime {
namespace {

using Value = ProgramModel::Value;

std::string where(std::size_t index, const schema::Value& row) {
  return concat("values[", index, "] ", quoted(row.name()->string_view()));
}

Status decode_dims(const flatbuffers::Vector<uint32_t>* from, std::size_t expressions,
                   std::span<ProgramModel::Expression> to) {
  for (std::size_t d = 0; d < to.size(); ++d) {
    const uint32_t expression = from->Get(static_cast<uint32_t>(d));
    if (expression >= expressions) return invalid("expression ", expression, " of ", expressions);
    to[d] = expression;
  }
  return {};
}

Status check_constant(const ProgramModel& model, const Value& value) {
  Dims dims;
  for (const ProgramModel::Expression dim : value.shape()) {
    if (!model.is_constant[dim]) return invalid("a constant has a dimension that is not");
    dims.push_back(model.constant_expressions[dim]);
  }
  const auto bytes = kernels::packed_bytes(value.packing, value.dtype, dims);
  if (!bytes || static_cast<uint64_t>(*bytes) != value.bytes)
    return invalid(value.bytes, " bytes do not hold ", name_of(value.dtype), to_string(dims), " in packing ",
                   static_cast<int>(value.packing));
  if (value.segment >= model.segments.size()) return invalid("segment ", value.segment, " of ", model.segments.size());
  const uint64_t room = model.segments[value.segment].bytes;
  if (value.offset % kTensorAlignment != 0 || value.offset > room || value.bytes > room - value.offset)
    return invalid(value.bytes, " bytes at ", value.offset, " do not fit segment ", value.segment, " of ", room,
                   " bytes");
  return {};
}

Status check_quantization(const schema::Quantization& quantization, const Value& value) {
  const std::size_t scales = size_of_vector(quantization.scales()), zeros = size_of_vector(quantization.zero_points());
  if (quantization.axis() < -1 || quantization.axis() >= value.rank)
    return invalid("quantized along axis ", quantization.axis(), " of rank ", value.rank);
  if (scales == 0 || (quantization.axis() == -1 && scales != 1) || (zeros != 0 && zeros != scales))
    return invalid(scales, " scales and ", zeros, " zero points");
  for (const float scale : *quantization.scales())
    if (!std::isfinite(scale) || scale <= 0) return invalid("a scale is ", scale);
  return {};
}

Status decode_value(const ProgramModel& model, const schema::Value& row, Value& value) {
  value.name = row.name()->string_view();
  value.dtype = static_cast<DType>(row.dtype());
  value.storage = static_cast<Storage>(row.storage());
  value.packing = static_cast<Packing>(row.packing());
  if (!is_valid(value.dtype)) return invalid("no type has the number ", int{row.dtype()});
  if (!is_valid(value.storage)) return invalid("no storage has the number ", int{row.storage()});
  if (!is_valid(value.packing)) return invalid("no packing has the number ", int{row.packing()});
  if (size_of_vector(row.dims()) > kernels::kMaxRank)
    return invalid("rank ", row.dims()->size(), " exceeds ", kernels::kMaxRank);
  value.rank = static_cast<int>(size_of_vector(row.dims()));
  TEGULA_RETURN_IF_ERROR(
      decode_dims(row.dims(), model.expressions.size(), {value.dims.data(), static_cast<std::size_t>(value.rank)}));
  if (size_of_vector(row.written_dims()) != 0)
    return Error{ErrorCode::kUnsupported,
                 "dimensions that a step writes are not supported by this version; update the runtime"};
  if (value.packing != Packing::kPlain && value.storage != Storage::kConstant)
    return invalid("packed, but no constant");
  if (row.strides() != nullptr && value.storage != Storage::kView) return invalid("has strides, but is no view");

  if (value.storage == Storage::kConstant) {
    value.segment = row.segment();
    value.offset = row.offset();
    value.bytes = row.bytes();
    TEGULA_RETURN_IF_ERROR(check_constant(model, value));
  }
  if (value.storage == Storage::kView) {
    value.base = row.base();
    value.view_offset = row.view_offset();
    if (value.view_offset < -1 || value.view_offset >= static_cast<int64_t>(model.expressions.size()))
      return invalid("expression ", value.view_offset, " of ", model.expressions.size());
    value.has_strides = row.strides() != nullptr;
    if (value.has_strides) {
      if (static_cast<int>(row.strides()->size()) != value.rank)
        return invalid(row.strides()->size(), " strides for rank ", value.rank);
      TEGULA_RETURN_IF_ERROR(decode_dims(row.strides(), model.expressions.size(),
                                         {value.strides.data(), static_cast<std::size_t>(value.rank)}));
    }
  }
  value.quantization = row.quantization();
  return value.quantization == nullptr ? Status() : check_quantization(*value.quantization, value);
}

Status check_view(const ProgramModel& model, const Value& value) {
  if (value.base < 0 || static_cast<std::size_t>(value.base) >= model.values.size())
    return invalid("views value ", value.base, " of ", model.values.size());
  const Value& base = model.values[static_cast<std::size_t>(value.base)];
  if (base.storage == Storage::kView) return invalid("views value ", value.base, ", which is a view itself");
  if (base.packing != Packing::kPlain) return invalid("views value ", value.base, ", which is packed");
  if (base.dtype != value.dtype)
    return invalid(name_of(value.dtype), " views value ", value.base, ", which is ", name_of(base.dtype));
  return {};
}

// The symbols that the elements of an input give. Their number and type must be known without shapes.
Status check_shape_input(const ProgramModel& model, const ProgramModel::Port& port) {
  const Value& value = model.values[port.value];
  if (value.dtype == DType::kF16 || value.dtype == DType::kBF16)
    return invalid("feeds shapes, but is ", name_of(value.dtype));
  Dims dims;
  for (const ProgramModel::Expression dim : value.shape()) {
    if (!model.is_constant[dim]) return invalid("feeds shapes, but its own dimensions are not constant");
    dims.push_back(model.constant_expressions[dim]);
  }
  const auto count = checked_element_count(dims);
  if (!count || static_cast<uint64_t>(*count) != port.element_symbols.size())
    return invalid(port.element_symbols.size(), " symbols for the elements of ", to_string(dims));
  for (const uint32_t symbol : port.element_symbols)
    if (symbol >= model.symbols.size()) return invalid("symbol ", symbol, " of ", model.symbols.size());
  return {};
}

Status decode_ports(ProgramModel& model, const flatbuffers::Vector<flatbuffers::Offset<schema::Port>>* rows,
                    Storage storage, const char* kind, std::vector<ProgramModel::Port>& ports) {
  for (std::size_t i = 0; i < size_of_vector(rows); ++i) {
    const schema::Port& row = *rows->Get(static_cast<uint32_t>(i));
    const std::string place = concat(kind, "s[", i, "] ", quoted(row.name()->string_view()));
    if (row.value() >= model.values.size()) return invalid(place, ": value ", row.value(), " of ", model.values.size());
    Value& value = model.values[row.value()];
    if (value.storage != storage) return invalid(place, ": value ", row.value(), " is not stored as an ", kind);
    if (value.port >= 0) return invalid(place, ": value ", row.value(), " already is an ", kind);
    value.port = static_cast<int32_t>(i);
    ProgramModel::Port port{row.name()->string_view(), row.value(), {}};
    if (size_of_vector(row.element_symbols()) != 0) {
      if (storage != Storage::kInput) return invalid(place, ": an output feeds no shapes");
      port.element_symbols.assign(row.element_symbols()->begin(), row.element_symbols()->end());
      if (const Status status = check_shape_input(model, port); !status.ok())
        return invalid(place, ": ", status.error().message);
    }
    ports.push_back(std::move(port));
  }
  std::vector<std::string_view> names;
  for (const ProgramModel::Port& port : ports) names.push_back(port.name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return invalid("two ", kind, "s are named ", quoted(*twice));
  return {};
}

// A symbol must be the bare dimension of an input, or an element of one that feeds shapes.
Status check_symbols_are_bound(const ProgramModel& model) {
  std::vector<bool> bound(model.symbols.size(), false);
  for (const ProgramModel::Port& port : model.inputs) {
    for (const uint32_t symbol : port.element_symbols) bound[symbol] = true;
    for (const ProgramModel::Expression dim : model.values[port.value].shape()) {
      const ExprNode& node = model.expressions[dim];
      if (node.op == ExprOp::kSymbol) bound[static_cast<std::size_t>(node.value)] = true;
    }
  }
  const auto unbound = std::find(bound.begin(), bound.end(), false);
  if (unbound == bound.end()) return {};
  const auto i = static_cast<std::size_t>(unbound - bound.begin());
  return invalid("symbols[", i, "] ", quoted(model.symbols[i].name), ": no input gives its value");
}

}  // namespace

Status validate_values(ProgramModel& model) {
  const schema::Program& program = *model.tables.program;
  const std::size_t count = size_of_vector(program.values());
  model.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const schema::Value& row = *program.values()->Get(static_cast<uint32_t>(i));
    if (const Status status = decode_value(model, row, model.values[i]); !status.ok())
      return Error{status.error().code, concat(where(i, row), ": ", status.error().message)};
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (model.values[i].storage != Storage::kView) continue;
    if (const Status status = check_view(model, model.values[i]); !status.ok())
      return invalid(where(i, *program.values()->Get(static_cast<uint32_t>(i))), ": ", status.error().message);
  }
  TEGULA_RETURN_IF_ERROR(decode_ports(model, program.inputs(), Storage::kInput, "input", model.inputs));
  TEGULA_RETURN_IF_ERROR(decode_ports(model, program.outputs(), Storage::kOutput, "output", model.outputs));
  for (std::size_t i = 0; i < count; ++i) {
    const Value& value = model.values[i];
    if ((value.storage == Storage::kInput || value.storage == Storage::kOutput) && value.port < 0)
      return invalid(where(i, *program.values()->Get(static_cast<uint32_t>(i))),
                     ": is stored in an input or output that there is not");
  }
  return check_symbols_are_bound(model);
}

}  // namespace tegula::runtime
