// Tensors of models: how they are stored, what fits together and what does not, external data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "compiler/importer/external_data.h"
#include "compiler/importer/tensor_reader.h"
#include "tests/compiler/importer/model_text.h"
#include "tests/support/temporary_folder.h"

namespace tegula::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

onnx::TensorProto tensor_of(int type, const std::vector<int64_t>& dims) {
  onnx::TensorProto tensor;
  tensor.set_name("t");
  tensor.set_data_type(type);
  for (const int64_t dim : dims) tensor.add_dims(dim);
  return tensor;
}

Result<Literal> read(const onnx::TensorProto& tensor) {
  ExternalData none;
  const auto owner = std::make_shared<const onnx::TensorProto>(tensor);
  return read_tensor(*owner, owner, none);
}

std::string error_of(const onnx::TensorProto& tensor) {
  const auto result = read(tensor);
  return result.ok() ? "no error" : result.error().message;
}

TEST(Tensor, ReadsEveryWayOfStoringNumbers) {
  onnx::TensorProto floats = tensor_of(onnx::TensorProto::FLOAT, {2});
  floats.add_float_data(1.5f);
  floats.add_float_data(-2);
  EXPECT_THAT(read(floats)->to_doubles(), ElementsAre(1.5, -2));
  onnx::TensorProto bytes = tensor_of(onnx::TensorProto::INT8, {3});
  for (const int value : {-128, 0, 127}) bytes.add_int32_data(value);
  EXPECT_THAT(read(bytes)->to_ints(), ElementsAre(-128, 0, 127));
  onnx::TensorProto wide = tensor_of(onnx::TensorProto::UINT32, {1});
  wide.add_uint64_data(4294967295u);
  EXPECT_THAT(read(wide)->to_ints(), ElementsAre(4294967295));
  onnx::TensorProto raw = tensor_of(onnx::TensorProto::INT16, {2, 1});
  raw.set_raw_data(std::string("\x01\x00\xff\xff", 4));
  EXPECT_THAT(read(raw)->to_ints(), ElementsAre(1, -1));
  onnx::TensorProto bools = tensor_of(onnx::TensorProto::BOOL, {3});
  bools.set_raw_data(std::string("\x00\x01\x02", 3));
  EXPECT_THAT(read(bools)->to_ints(), ElementsAre(0, 1, 1));
  EXPECT_THAT(read(tensor_of(onnx::TensorProto::DOUBLE, {0, 4}))->to_doubles(), ElementsAre());
}

TEST(Tensor, WidensHalvesExactly) {
  onnx::TensorProto halves = tensor_of(onnx::TensorProto::FLOAT16, {6});
  for (const int bits : {0x3C00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x83FF}) halves.add_int32_data(bits);
  const auto literal = read(halves);
  EXPECT_EQ(literal->dtype(), DType::kF16);
  EXPECT_THAT(widened(*literal).to_doubles(),
              ElementsAre(1, -2, 0x1p-24, 65504, -std::numeric_limits<double>::infinity(), -1023 * 0x1p-24));
  onnx::TensorProto brains = tensor_of(onnx::TensorProto::BFLOAT16, {1});
  brains.set_raw_data(std::string("\x80\x3f", 2));
  EXPECT_THAT(widened(*read(brains)).to_doubles(), ElementsAre(1));
}

TEST(Tensor, RefusesWhatDoesNotFitTogether) {
  onnx::TensorProto tensor = tensor_of(onnx::TensorProto::FLOAT, {3});
  tensor.set_raw_data("12345678");
  EXPECT_THAT(error_of(tensor), HasSubstr("8 bytes of raw data; f32[3] takes 12"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::FLOAT, {3})), HasSubstr("0 elements for shape [3]"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::FLOAT, {-1})), HasSubstr("impossible shape [-1]"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::FLOAT, {INT64_MAX / 2, 3})), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::DOUBLE, {INT64_MAX / 4})), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::FLOAT, std::vector<int64_t>(9, 1))), HasSubstr("9 dimensions"));
  EXPECT_THAT(error_of(tensor_of(onnx::TensorProto::STRING, {1})), HasSubstr("STRING is not supported"));
  EXPECT_THAT(error_of(tensor_of(99, {1})), HasSubstr("type 99 is not supported"));
  onnx::TensorProto narrow = tensor_of(onnx::TensorProto::UINT8, {1});
  narrow.add_int32_data(256);
  EXPECT_THAT(error_of(narrow), HasSubstr("256"));
}

// ---------------------------------------------------------------- sparse

onnx::SparseTensorProto sparse_of(const std::vector<int64_t>& dims, const std::vector<int64_t>& index_dims,
                                  const std::vector<int64_t>& indices) {
  onnx::SparseTensorProto sparse;
  *sparse.mutable_values() = tensor_of(onnx::TensorProto::INT32, {index_dims[0]});
  for (int64_t i = 0; i < index_dims[0]; ++i) sparse.mutable_values()->add_int32_data(static_cast<int32_t>(10 + i));
  *sparse.mutable_indices() = tensor_of(onnx::TensorProto::INT64, index_dims);
  for (const int64_t index : indices) sparse.mutable_indices()->add_int64_data(index);
  for (const int64_t dim : dims) sparse.add_dims(dim);
  return sparse;
}

Result<Literal> read(const onnx::SparseTensorProto& sparse) {
  ExternalData none;
  return read_sparse_tensor(sparse, nullptr, none);
}

TEST(SparseTensor, IsDensified) {
  EXPECT_THAT(read(sparse_of({2, 3}, {2}, {1, 5}))->to_ints(), ElementsAre(0, 10, 0, 0, 0, 11));
  EXPECT_THAT(read(sparse_of({2, 3}, {2, 2}, {0, 2, 1, 0}))->to_ints(), ElementsAre(0, 0, 10, 11, 0, 0));
}

TEST(SparseTensor, RefusesWhatDoesNotFitTogether) {
  EXPECT_THAT(read(sparse_of({2, 3}, {1}, {6})).error().message, HasSubstr("index 6"));
  EXPECT_THAT(read(sparse_of({2, 3}, {1, 2}, {0, -1})).error().message, HasSubstr("index -1"));
  EXPECT_THAT(read(sparse_of({2, 3}, {1, 3}, {0, 1, 2})).error().message, HasSubstr("indices must be"));
  EXPECT_THAT(read(sparse_of({1 << 20, 1 << 20}, {1}, {0})).error().message, HasSubstr("too large"));
}

// ---------------------------------------------------------------- external

class External : public testing::Test {
 protected:
  /// A model that adds to x a tensor from `location`, in a folder of its own.
  std::string import(const std::string& location, const std::string& offset = "", const std::string& length = "") {
    onnx::ModelProto model = model_of("(float[2] x) => (float[2] y) { y = Add(x, w) }");
    onnx::TensorProto& w = *model.mutable_graph()->add_initializer();
    w = tensor_of(onnx::TensorProto::FLOAT, {2});
    w.set_name("w");
    w.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto add = [&](const char* key, const std::string& value) {
      if (value.empty()) return;
      w.add_external_data()->set_key(key);
      w.mutable_external_data(w.external_data_size() - 1)->set_value(value);
    };
    add("location", location);
    add("offset", offset);
    add("length", length);
    const auto result = import_onnx(folder_.write("model/model.onnx", model.SerializeAsString()));
    if (!result.ok()) return result.error().message;
    for (const auto& value : result->graph.values())
      if (value->is_constant()) {
        const std::vector<double> numbers = value->literal->to_doubles();
        return concat(numbers[0], ' ', numbers[1]);
      }
    return "no constant";
  }

  std::string floats(std::vector<float> values) const {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }

  test::TemporaryFolder folder_;
};

TEST_F(External, IsReadFromTheModelsFolder) {
  folder_.write("model/w.bin", floats({1, 2, 3}));
  folder_.write("model/sub/w.bin", "x" + floats({4, 5}));
  EXPECT_EQ(import("w.bin"), "1 2");
  EXPECT_EQ(import("w.bin", "4", "8"), "2 3");
  EXPECT_EQ(import("sub/w.bin", "1"), "4 5");  // not aligned
  EXPECT_EQ(import("./sub//w.bin", "1"), "4 5");
}

TEST_F(External, MustHoldTheBytes) {
  folder_.write("model/w.bin", floats({1, 2, 3}));
  EXPECT_THAT(import("w.bin", "5"), HasSubstr("12 bytes, too few for 8 at offset 5"));
  EXPECT_THAT(import("w.bin", "18446744073709551615"), HasSubstr("too few"));
  EXPECT_THAT(import("w.bin", "0", "12"), HasSubstr("12 bytes to a tensor of 8"));
  EXPECT_THAT(import("w.bin", "-1"), HasSubstr("bad offset '-1'"));
  EXPECT_THAT(import("w.bin", "4x"), HasSubstr("bad offset '4x'"));
  EXPECT_THAT(import("missing.bin"), HasSubstr("cannot be opened"));
  EXPECT_THAT(import(""), HasSubstr("not a file name"));
}

TEST_F(External, StaysInTheModelsFolder) {
  folder_.write("secret.bin", floats({1, 2}));
  folder_.write("model/w.bin", floats({1, 2}));
  EXPECT_THAT(import("../secret.bin"), HasSubstr("'..' is not allowed"));
  EXPECT_THAT(import("sub/../../secret.bin"), HasSubstr("'..' is not allowed"));
  EXPECT_THAT(import((folder_ / "model/w.bin").string()), HasSubstr("absolute path"));
  std::filesystem::create_symlink(folder_ / "secret.bin", folder_ / "model/link.bin");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "model/folder");
  EXPECT_THAT(import("link.bin"), HasSubstr("symbolic link out of the model's folder"));
  EXPECT_THAT(import("folder/secret.bin"), HasSubstr("symbolic link out of the model's folder"));
  std::filesystem::create_directory(folder_ / "model/folder2");
  std::filesystem::create_symlink("w.bin", folder_ / "model/inner.bin");
  EXPECT_EQ(import("inner.bin"), "1 2");
  EXPECT_THAT(import("."), HasSubstr("is the model's folder"));
  EXPECT_THAT(import("folder2"), HasSubstr("not a regular file"));
}

TEST_F(External, NeedsAFolder) {
  onnx::ModelProto model = model_of("(float[2] x) => (float[2] y) { y = Add(x, w) }");
  onnx::TensorProto& w = *model.mutable_graph()->add_initializer();
  w = tensor_of(onnx::TensorProto::FLOAT, {2});
  w.set_name("w");
  w.set_data_location(onnx::TensorProto::EXTERNAL);
  w.add_external_data()->set_key("location");
  w.mutable_external_data(0)->set_value("w.bin");
  EXPECT_THAT(imported(model), HasSubstr("came from memory"));
}

}  // namespace
}  // namespace tegula::compiler
