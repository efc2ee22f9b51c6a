#include "compiler/lowering/program_values.h"

namespace tegula::compiler {

std::string ProgramValues::unique_name(std::string_view base) {
  std::string name(base);
  for (int64_t number = 1; !names_.insert(name).second; ++number) name = concat(base, "_", number);
  return name;
}

int32_t ProgramValues::add_row(std::string_view name, DType dtype, const Shape& shape, Storage storage) {
  auto row = std::make_unique<schema::ValueT>();
  row->name = unique_name(name);
  row->dtype = static_cast<uint8_t>(dtype);
  row->dims = expressions(shape);
  row->storage = static_cast<uint8_t>(storage);
  rows_.push_back(std::move(row));
  contents_.push_back(-1);
  return static_cast<int32_t>(rows_.size() - 1);
}

int32_t ProgramValues::add_value(std::string_view name, DType dtype, const Shape& shape, Storage storage) {
  return add_row(name, dtype, shape, storage);
}

int32_t ProgramValues::add_view(std::string_view name, DType dtype, const Shape& shape, const ViewPlan::Place& place) {
  const int32_t base = value(place.root);
  const int32_t number = add_row(name, dtype, shape, Storage::kView);
  schema::ValueT& row = *rows_[static_cast<std::size_t>(number)];
  row.base = base;
  if (!place.offset.is(0)) row.view_offset = static_cast<int32_t>(expression(place.offset));
  if (!place.contiguous) row.strides = expressions(place.strides);
  return number;
}

int32_t ProgramValues::add_reshaped(std::string_view name, DType dtype, const Shape& shape, int32_t base) {
  const int32_t number = add_row(name, dtype, shape, Storage::kView);
  rows_[static_cast<std::size_t>(number)]->base = base;
  return number;
}

void ProgramValues::set_content(int32_t row, uint32_t content) {
  rows_[static_cast<std::size_t>(row)]->bytes = store_.bytes_of(content);
  contents_[static_cast<std::size_t>(row)] = static_cast<int32_t>(content);
}

int32_t ProgramValues::value(const Value* value) {
  if (!value) return -1;
  if (const auto found = numbers_.find(value); found != numbers_.end()) return found->second;
  int32_t number = -1;
  if (const ViewPlan::Place place = views_.place_of(value); place.root != value) {
    number = add_view(value->name, value->dtype, value->shape, place);
  } else if (value->is_constant()) {
    number = add_row(value->name, value->dtype, value->shape, Storage::kConstant);
    set_content(number, store_.add_kept(value->literal->bytes(), value->literal->owner()));
  } else {
    const auto storage = storage_.find(value);
    number =
        add_row(value->name, value->dtype, value->shape, storage == storage_.end() ? Storage::kArena : storage->second);
  }
  numbers_[value] = number;
  return number;
}

int32_t ProgramValues::packed_constant(std::string_view name, DType dtype, const Dims& dims, Packing packing,
                                       std::vector<std::byte> bytes) {
  const auto content = store_.add_copied(bytes);
  if (!content.ok()) {
    if (status_.ok()) status_ = content.error();
    return -1;
  }
  const std::string key = concat(name_of(dtype), to_string(to_shape(dims)), static_cast<int>(packing), ":", *content);
  if (const auto known = packed_.find(key); known != packed_.end()) return known->second;
  const int32_t number = add_row(name, dtype, to_shape(dims), Storage::kConstant);
  rows_[static_cast<std::size_t>(number)]->packing = static_cast<uint8_t>(packing);
  set_content(number, *content);
  packed_[key] = number;
  return number;
}

}  // namespace tegula::compiler
