// Damaged data: every reader says what is wrong in one line, or reads tensors whose bytes are those of their shape.
#include <gtest/gtest.h>

#include "compiler/data/data_set.h"
#include "compiler/data/files.h"
#include "compiler/data/npy.h"
#include "compiler/data/npz.h"
#include "compiler/data/tensor_pb.h"
#include "tests/support/mutate.h"
#include "tests/support/rounds.h"
#include "tests/support/temporary_folder.h"

namespace tegula::data {
namespace {

void expect_sound(const Tensor& tensor) {
  const auto count = checked_element_count(tensor.dims);
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(tensor.bytes.size(), static_cast<std::size_t>(*count) * size_of(tensor.dtype));
}

void expect_refusal(const Error& error) {
  EXPECT_NE(error.code, ErrorCode::kInternal) << error.message;
  EXPECT_TRUE(test::is_printable_message(error.message)) << error.message;
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
}

const Tensor& sample() {
  static const Tensor tensor = [] {
    Tensor t{.dtype = DType::kF32, .dims = {2, 3}, .bytes = {}};
    t.bytes.resize(24);
    return t;
  }();
  return tensor;
}

TEST(DamagedData, Npy) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_npy(folder / "x.npy", sample()).ok());
  const std::string whole = *read_file(folder / "x.npy");
  test::Mutator mutator(1);
  for (int round = test::rounds(3000); round > 0; --round) {
    const std::string bytes = mutator.damaged(whole);
    std::size_t at = 0;
    const auto read = [&](std::span<std::byte> to) -> Result<std::size_t> {
      const std::size_t count = std::min(to.size(), bytes.size() - at);
      std::memcpy(to.data(), bytes.data() + at, count);
      at += count;
      return count;
    };
    const auto tensor = read_npy(read, bytes.size(), "array 'x'");
    tensor.ok() ? expect_sound(*tensor) : expect_refusal(tensor.error());
  }
}

TEST(DamagedData, Npz) {
  const test::TemporaryFolder folder;
  for (const bool deflate : {false, true}) {
    ASSERT_TRUE(write_npz(folder / "x.npz", {{"x", sample()}, {"y", sample()}}, deflate).ok());
    const std::string whole = *read_file(folder / "x.npz");
    test::Mutator mutator(deflate ? 3 : 2);
    for (int round = test::rounds(400); round > 0; --round) {
      const auto path = folder.write("damaged.npz", mutator.damaged(whole));
      const auto tensors = read_npz(path);
      if (!tensors.ok()) {
        expect_refusal(tensors.error());
        continue;
      }
      for (const NamedTensor& tensor : *tensors) expect_sound(tensor.tensor);
    }
  }
}

TEST(DamagedData, TensorPb) {
  // dims 2 and 3, FLOAT, the name "x" and raw data; then the same with float_data.
  const std::string head("\x08\x02\x08\x03\x10\x01\x42\x01x", 9);
  const std::string raw = head + std::string("\x4a\x18", 2) + std::string(24, '\x3f');
  const std::string list = head + std::string("\x22\x18", 2) + std::string(24, '\x3f');
  test::Mutator mutator(4);
  for (const std::string& whole : {raw, list}) {
    ASSERT_TRUE(parse_tensor_pb(whole, "x.pb").ok());
    for (int round = test::rounds(5000); round > 0; --round) {
      const auto tensor = parse_tensor_pb(mutator.damaged(whole), "x.pb");
      tensor.ok() ? expect_sound(tensor->tensor) : expect_refusal(tensor.error());
    }
  }
}

TEST(DamagedData, Labels) {
  const test::TemporaryFolder folder;
  test::Mutator mutator(5);
  constexpr std::string_view kTokens[] = {",",    "\n",      "\r\n", "\"", "-1", "9223372036854775808",
                                          "../x", "\x1b[2J", "/etc"};
  for (int round = test::rounds(300); round > 0; --round) {
    const auto path =
        folder.write("labels.csv", mutator.damaged_text("file,class_index\na.png,3\nb c.jpeg,12\n", kTokens));
    const auto labels = read_labels(path);
    if (!labels.ok()) expect_refusal(labels.error());
  }
}

}  // namespace
}  // namespace tegula::data
