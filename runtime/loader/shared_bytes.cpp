#include "runtime/loader/shared_bytes.h"

#include "runtime/loader/step_operands.h"

namespace tegula::runtime {
namespace {

// Writers may share equal strings, so the sum may honestly exceed the size of the tables; not by much.
constexpr uint64_t kShare = 8;

class Budget {
 public:
  explicit Budget(uint64_t bytes) : left_(bytes) {}

  bool exceeded() const { return exceeded_; }

  /// A vector of scalars, offsets or characters; nullptr costs nothing.
  template <typename T>
  void spend(const flatbuffers::Vector<T>* vector) {
    if (vector == nullptr || exceeded_) return;
    const uint64_t bytes = uint64_t{vector->size()} * sizeof(T);
    exceeded_ = bytes > left_;
    if (!exceeded_) left_ -= bytes;
  }

  template <typename Table, typename Visit>
  void spend_each(const flatbuffers::Vector<flatbuffers::Offset<Table>>* vector, Visit&& visit) {
    spend(vector);
    if (vector == nullptr) return;
    for (uint32_t i = 0; i < vector->size() && !exceeded_; ++i) visit(*vector->Get(i));
  }

 private:
  uint64_t left_;
  bool exceeded_ = false;
};

void spend_tensors(Budget& budget, const flatbuffers::Vector<flatbuffers::Offset<schema::StoredTensor>>* tensors) {
  budget.spend_each(tensors, [&](const schema::StoredTensor& tensor) {
    budget.spend(tensor.name());
    budget.spend(tensor.dims());
  });
}

}  // namespace

bool vectors_are_apart(const schema::Program& program, uint64_t tables_bytes) {
  Budget budget(tables_bytes * kShare);
  const auto spend_strings = [&](const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* strings) {
    budget.spend_each(strings, [&](const flatbuffers::String& string) { budget.spend(&string); });
  };
  const auto spend_port = [&](const schema::Port& port) {
    budget.spend(port.name());
    budget.spend(port.element_symbols());
  };
  budget.spend(program.expressions());
  budget.spend(program.segments());
  budget.spend_each(program.symbols(), [&](const schema::Symbol& symbol) { budget.spend(symbol.name()); });
  budget.spend_each(program.constraints(),
                    [&](const schema::Constraint& constraint) { budget.spend(constraint.message()); });
  budget.spend_each(program.values(), [&](const schema::Value& value) {
    budget.spend(value.name());
    budget.spend(value.dims());
    budget.spend(value.strides());
    budget.spend(value.written_dims());
    if (value.quantization() == nullptr) return;
    budget.spend(value.quantization()->scales());
    budget.spend(value.quantization()->zero_points());
  });
  budget.spend_each(program.inputs(), spend_port);
  budget.spend_each(program.outputs(), spend_port);
  budget.spend_each(program.steps(), [&](const schema::Step& step) {
    budget.spend(step.name());
    budget.spend(step.inputs());
    budget.spend(step.outputs());
    budget.spend(step.post_ops());
    spend_strings(step.onnx_nodes());
    budget.spend(step.rule());
    if (step.attributes() != nullptr)
      for_each_expression_list(step, [&](const flatbuffers::Vector<uint32_t>* list) { budget.spend(list); });
  });
  budget.spend_each(program.test_vectors(), [&](const schema::TestVector& vector) {
    spend_tensors(budget, vector.inputs());
    spend_tensors(budget, vector.outputs());
  });
  if (program.provenance() != nullptr) spend_strings(program.provenance()->notes());
  return !budget.exceeded();
}

}  // namespace tegula::runtime
