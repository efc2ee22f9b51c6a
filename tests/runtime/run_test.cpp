// Whole programs, written by hand, through the public API: what steps, views, symbols and shape inputs compute.
#include <gtest/gtest.h>

#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;

schema::TransposeT transpose(std::vector<uint32_t> perm) {
  schema::TransposeT attributes;
  attributes.perm = std::move(perm);
  return attributes;
}

schema::ConcatT concat_along(uint32_t axis) {
  schema::ConcatT attributes;
  attributes.axis = axis;
  return attributes;
}

// y[b, c, r] = x[b, r, c], twice: y = transpose(transpose(transpose(x))).
std::vector<std::byte> transpose_program() {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 64), rows = b.symbol("rows", 0, 1000);
  const int32_t x = b.input("x", DType::kF32, {batch, rows, 7}), y = b.output("y", DType::kF32, {batch, 7, rows});
  const int32_t t0 = b.arena("t0", DType::kF32, {batch, 7, rows}), t1 = b.arena("t1", DType::kF32, {batch, rows, 7});
  b.step(transpose({0, 2, 1}), {x}, {t0});
  b.step(transpose({0, 2, 1}), {t0}, {t1});
  b.step(transpose({0, 2, 1}), {t1}, {y});
  return b.file();
}

TEST(Run, BindsSymbolsToEachShape) {
  const auto file = transpose_program();
  const Program program = open_program(file);
  for (const int threads : {1, 2, 3}) {
    Instance instance = make_instance(program, threads);
    EXPECT_EQ(instance.threads(), threads);
    for (const auto& [batch, rows] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 5}, {3, 100}, {1, 5}, {64, 1000}, {2, 0}, {3, 100}}) {
      const auto x = Tensor<float>::iota({batch, rows, 7});
      Tensor<float> y({batch, 7, rows});
      ASSERT_EQ(
          message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}})),
          "ok");
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < 7; ++c)
            ASSERT_EQ(y.elements[static_cast<std::size_t>((n * 7 + c) * rows + r)],
                      x.elements[static_cast<std::size_t>((n * rows + r) * 7 + c)]);
    }
  }
}

TEST(Run, DescribesItsInputsAndOutputs) {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 64);
  const auto twelve = b.expression(ExprOp::kMul, batch, 12);
  const auto padded = b.expression(ExprOp::kCeilDiv, b.expression(ExprOp::kAdd, batch, 3), 2);
  const int32_t x = b.input("x", DType::kF32, {batch, 3}), y = b.output("y", DType::kF32, {twelve, padded});
  b.step(schema::CopyT(), {x}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  ASSERT_EQ(program.inputs().size(), 1u);
  EXPECT_EQ(program.inputs()[0].name, "x");
  EXPECT_EQ(program.inputs()[0].dims[0].size, -1);
  EXPECT_EQ(program.inputs()[0].dims[0].symbol, "batch");
  EXPECT_EQ(program.inputs()[0].dims[1].size, 3);
  ASSERT_EQ(program.outputs().size(), 1u);
  EXPECT_EQ(program.outputs()[0].dims[0].symbol, "batch*12");
  EXPECT_EQ(program.outputs()[0].dims[1].symbol, "ceil((batch+3)/2)");
  ASSERT_EQ(program.symbols().size(), 1u);
  EXPECT_EQ(program.symbols()[0].max, 64);
  EXPECT_EQ(program.file_bytes(), file.size());
}

TEST(Run, RefusesTensorsThatDoNotFit) {
  const auto file = transpose_program();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  const auto x = Tensor<float>::iota({2, 5, 7});
  Tensor<float> y({2, 7, 5});
  const auto run = [&](std::vector<NamedInput> inputs, std::vector<NamedOutput> outputs) {
    const Status status = instance.run(inputs, outputs);
    EXPECT_TRUE(status.ok() || status.error().code == ErrorCode::kInvalidArgument);
    return message_of(status);
  };
  const ConstTensorRef good = x.in();
  EXPECT_EQ(run({{"x", good}}, {{"y", y.out()}}), "ok");
  EXPECT_EQ(run({}, {}), "input \"x\" is missing");
  EXPECT_EQ(run({{"z", good}}, {}), "the program has no input \"z\"");
  EXPECT_EQ(run({{"x", good}, {"x", good}}, {}), "input \"x\" is given twice");
  EXPECT_EQ(run({{"x", {DType::kS32, {2, 5, 7}, good.data}}}, {}), "input \"x\": is s32, the program has f32");
  EXPECT_EQ(run({{"x", {DType::kF32, {2, 5}, good.data}}}, {}),
            "input \"x\": has shape [2,5], the program has 3 dimensions");
  EXPECT_EQ(run({{"x", {DType::kF32, {2, 5, -7}, good.data}}}, {}), "input \"x\": has the impossible shape [2,5,-7]");
  EXPECT_EQ(run({{"x", {DType::kF32, {2, 5, 8}, good.data}}}, {}),
            "input \"x\": dimension 2 is 8, the program needs 7");
  EXPECT_EQ(run({{"x", {DType::kF32, {65, 1, 7}, good.data}}}, {}),
            "input \"x\": dimension 0 (\"batch\") is 65, the program was compiled for 1 to 64");
  EXPECT_EQ(run({{"x", {DType::kF32, {int64_t{1} << 62, 5, 7}, good.data}}}, {}),
            "input \"x\": has the impossible shape [4611686018427387904,5,7]");
  EXPECT_EQ(run({{"x", {DType::kF32, {2, 5, 7}, nullptr}}}, {}), "input \"x\": has no data");
  EXPECT_EQ(run({{"x", {DType::kF32, {2, 5, 7}, reinterpret_cast<const char*>(good.data) + 2}}}, {}),
            "input \"x\": its data is not aligned to its elements of 4 bytes");
  EXPECT_EQ(run({{"x", good}}, {{"w", y.out()}}), "the program has no output \"w\"");
  EXPECT_EQ(run({{"x", good}}, {{"y", y.out()}, {"y", y.out()}}), "output \"y\" is given twice");
  TensorRef wrong_shape = y.out();
  wrong_shape.dims = {2, 5, 7};
  EXPECT_EQ(run({{"x", good}}, {{"y", wrong_shape}}), "output \"y\": has shape [2,5,7], these inputs give [2,7,5]");
  TensorRef no_data = y.out();
  no_data.data = nullptr;
  EXPECT_EQ(run({{"x", good}}, {{"y", no_data}}), "output \"y\": has no data");
  EXPECT_EQ(run({{"x", good}}, {}), "ok") << "an output that nobody names";
}

TEST(Run, RefusesOutputsThatShareMemory) {
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kF32, {4}), y = b.output("y", DType::kF32, {4}),
                z = b.output("z", DType::kF32, {4});
  b.step(schema::CopyT(), {x}, {y});
  b.step(schema::CopyT(), {x}, {z});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  std::vector<float> memory(16);
  const auto run = [&](int at_x, int at_y, int at_z) {
    const auto tensor = [&](int at) { return TensorRef{DType::kF32, {4}, memory.data() + at}; };
    return message_of(instance.run(std::vector<NamedInput>{{"x", tensor(at_x)}},
                                   std::vector<NamedOutput>{{"y", tensor(at_y)}, {"z", tensor(at_z)}}));
  };
  EXPECT_EQ(run(0, 4, 8), "ok");
  EXPECT_EQ(run(0, 3, 8), "output \"y\": shares memory with input \"x\"; give it memory of its own");
  EXPECT_EQ(run(8, 0, 5), "output \"z\": shares memory with input \"x\"; give it memory of its own");
  EXPECT_EQ(run(12, 0, 3), "output \"z\": shares memory with output \"y\"; give it memory of its own");
}

TEST(Run, WritesConcatenationsInPlaceThroughViews) {
  ProgramBuilder b;
  const auto rows = b.symbol("rows", 1, 100);
  const int32_t x = b.input("x", DType::kF32, {rows, 2}), y = b.input("y", DType::kF32, {3, rows});
  const int32_t joined = b.arena("joined", DType::kF32, {rows, 5});
  const int32_t left = b.view("left", joined, {rows, 2}, 0, {5, 1}),
                right = b.view("right", joined, {rows, 3}, 2, {5, 1});
  const int32_t flat = b.view("flat", joined, {b.expression(ExprOp::kMul, rows, 5)});
  const int32_t z = b.output("z", DType::kF32, {b.expression(ExprOp::kMul, rows, 5)});
  b.step(schema::CopyT(), {x}, {left});
  b.step(transpose({1, 0}), {y}, {right});
  b.step(schema::CopyT(), {flat}, {z});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program, 2);
  const auto in_x = Tensor<float>::iota({3, 2}), in_y = Tensor<float>({3, 3}, {10, 11, 12, 20, 21, 22, 30, 31, 32});
  Tensor<float> out({15});
  ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"y", in_y.in()}, {"x", in_x.in()}},
                                    std::vector<NamedOutput>{{"z", out.out()}})),
            "ok");
  EXPECT_EQ(out.elements, (std::vector<float>{0, 1, 10, 20, 30, 2, 3, 11, 21, 31, 4, 5, 12, 22, 32}));
  EXPECT_EQ(
      message_of(instance.run(std::vector<NamedInput>{{"y", {DType::kF32, {3, 4}, nullptr}}, {"x", in_x.in()}}, {})),
      "input \"y\": has no data");
  const auto four = Tensor<float>::iota({3, 4});
  EXPECT_EQ(message_of(instance.run(std::vector<NamedInput>{{"y", four.in()}, {"x", in_x.in()}}, {})),
            "input \"y\": dimension 1 is 4, but input \"x\" makes \"rows\" 3");
}

TEST(Run, MovesDataWithEveryOperator) {
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kS32, {2, 3});
  const int32_t indices = b.input("indices", DType::kS64, {2});
  const int32_t table = b.constant<int32_t>("table", {2, 3}, {100, 101, 102, 110, 111, 112});
  const int32_t fill = b.constant<int32_t>("fill", {}, {-1});
  const int32_t joined = b.arena("joined", DType::kS32, {4, 3});
  b.step(concat_along(0), {x, table}, {joined});
  schema::SliceT reversed;
  reversed.starts = {b.number(3).index, b.number(0).index};
  reversed.steps = {-1, 2};
  const int32_t sliced = b.arena("sliced", DType::kS32, {4, 2});
  b.step(reversed, {joined}, {sliced});
  schema::GatherT gather;
  gather.axis = 0;
  const int32_t gathered = b.arena("gathered", DType::kS32, {2, 2});
  b.step(gather, {sliced, indices}, {gathered});
  schema::PadT pad;
  pad.begins = {b.number(1).index, b.number(0).index};
  const int32_t padded = b.output("padded", DType::kS32, {3, 3});
  b.step(pad, {gathered, fill}, {padded});
  schema::PadT wrap;
  wrap.mode = schema::PadMode::Wrap;
  wrap.begins = {b.number(0).index, b.number(1).index};
  const int32_t wrapped = b.output("wrapped", DType::kS32, {2, 4});
  b.step(wrap, {gathered}, {wrapped});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  const auto in_x = Tensor<int32_t>::iota({2, 3});
  Tensor<int64_t> in_indices({2}, {-1, 1});
  Tensor<int32_t> out({3, 3}), out_wrapped({2, 4});
  const auto run = [&] {
    return message_of(instance.run(std::vector<NamedInput>{{"x", in_x.in()}, {"indices", in_indices.in()}},
                                   std::vector<NamedOutput>{{"padded", out.out()}, {"wrapped", out_wrapped.out()}}));
  };
  ASSERT_EQ(run(), "ok");
  // joined rows: x0 x1 t0 t1; reversed and every second column: [110,112] [100,102] [3,5] [0,2]; rows -1 and 1 of that.
  EXPECT_EQ(out.elements, (std::vector<int32_t>{-1, -1, -1, 0, 2, -1, 100, 102, -1}));
  EXPECT_EQ(out_wrapped.elements, (std::vector<int32_t>{2, 0, 2, 0, 102, 100, 102, 100}));
  in_indices.elements[1] = 4;
  EXPECT_EQ(run(), "step_2: gather: index 4 at position 1 is outside of [-4, 4)");
  in_indices.elements[1] = 0;
  EXPECT_EQ(run(), "ok") << "a failed run leaves the instance usable";
}

TEST(Run, ReadsShapesFromInputs) {
  ProgramBuilder b;
  const auto n = b.symbol("n", -100, 100), rows = b.symbol("rows", 0, 100), columns = b.symbol("columns", 0, 100);
  const auto count = b.expression(ExprOp::kMax, n, 0);
  b.constraint(schema::ConstraintKind::Equal, b.expression(ExprOp::kMul, rows, columns), count,
               "Reshape_7: the element counts differ");
  const int32_t x = b.input("x", DType::kF32, {rows, columns});
  b.shape_input("n", DType::kS64, {1}, {n});
  const int32_t y = b.output("y", DType::kF32, {count});
  const int32_t flat = b.view("flat", x, {count});
  b.step(schema::CopyT(), {flat}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  EXPECT_TRUE(program.inputs()[1].feeds_shapes);
  Instance instance = make_instance(program);
  const auto in = Tensor<float>::iota({2, 3});
  Tensor<int64_t> count_in({1}, {6});
  const std::vector<NamedInput> inputs = {{"x", in.in()}, {"n", count_in.in()}};
  const auto shapes = instance.output_shapes(inputs);
  ASSERT_EQ(message_of(shapes), "ok");
  EXPECT_EQ(*shapes, (std::vector<Dims>{{6}}));
  Tensor<float> out({6});
  ASSERT_EQ(message_of(instance.run(inputs, std::vector<NamedOutput>{{"y", out.out()}})), "ok");
  EXPECT_EQ(out.elements, in.elements);
  count_in.elements[0] = 5;
  EXPECT_EQ(message_of(instance.output_shapes(inputs)), "Reshape_7: the element counts differ: 6 must equal 5");
  count_in.elements[0] = 101;
  EXPECT_EQ(message_of(instance.output_shapes(inputs)),
            "input \"n\": element 0 (\"n\") is 101, the program was compiled for -100 to 100");
  EXPECT_EQ(message_of(instance.prepare(std::vector<NamedInput>{{"x", in.in()}, {"n", {DType::kS64, {1}, nullptr}}})),
            "input \"n\": has no data");
}

TEST(Run, ChecksEveryKindOfConstraint) {
  const auto run = [](schema::ConstraintKind kind, int64_t a, int64_t b_value) {
    ProgramBuilder b;
    const auto s = b.symbol("a", INT64_MIN, INT64_MAX), t = b.symbol("b", INT64_MIN, INT64_MAX);
    b.constraint(kind, s, t, "");
    b.shape_input("s", DType::kS64, {2}, {s, t});
    const int32_t y = b.output("y", DType::kF32, {1});
    const int32_t one = b.constant<float>("one", {1}, {1.0f});
    b.step(schema::CopyT(), {one}, {y});
    const auto file = b.file();
    const Program program = open_program(file);
    Instance instance = make_instance(program);
    const Tensor<int64_t> in({2}, {a, b_value});
    return instance.run(std::vector<NamedInput>{{"s", in.in()}}, {}).ok();
  };
  using Kind = schema::ConstraintKind;
  EXPECT_TRUE(run(Kind::Equal, 3, 3));
  EXPECT_FALSE(run(Kind::Equal, 3, 4));
  EXPECT_TRUE(run(Kind::Divisible, 6, 3));
  EXPECT_FALSE(run(Kind::Divisible, 7, 3));
  EXPECT_FALSE(run(Kind::Divisible, 7, 0));
  EXPECT_TRUE(run(Kind::Divisible, INT64_MIN, -1));
  EXPECT_TRUE(run(Kind::Broadcast, 1, 4));
  EXPECT_TRUE(run(Kind::Broadcast, 4, 1));
  EXPECT_TRUE(run(Kind::Broadcast, 0, 1));
  EXPECT_FALSE(run(Kind::Broadcast, 4, 0));
  EXPECT_TRUE(run(Kind::AtLeast, 4, 4));
  EXPECT_FALSE(run(Kind::AtLeast, 3, 4));
}

TEST(Run, RefusesSizesBeyondAnyMachine) {
  ProgramBuilder b;
  const auto n = b.symbol("n"), square = b.expression(ExprOp::kMul, n, n);
  const int32_t x = b.input("x", DType::kF32, {n});
  const int32_t t = b.arena("t", DType::kF32, {square, n}), y = b.output("y", DType::kF32, {n});
  b.step(schema::CopyT(), {x}, {t});
  b.step(schema::CopyT(), {x}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  EXPECT_EQ(message_of(instance.prepare(std::vector<NamedInput>{{"x", {DType::kF32, {100'000}, nullptr}}})),
            "value \"t\" would have dimensions [10000000000,100000]: too large");
  EXPECT_EQ(message_of(instance.prepare(std::vector<NamedInput>{{"x", {DType::kF32, {10}, nullptr}}})), "ok");
}

TEST(Run, RefusesViewsThatLeaveTheirBase) {
  ProgramBuilder b;
  const auto offset = b.symbol("offset", -10, 10), stride = b.symbol("stride", -10, 10);
  const int32_t x = b.input("x", DType::kF32, {8});
  b.shape_input("s", DType::kS32, {2}, {offset, stride});
  const int32_t v = b.view("v", x, {3}, offset, {stride}), y = b.output("y", DType::kF32, {3});
  b.step(schema::CopyT(), {v}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  const auto in = Tensor<float>::iota({8});
  const auto run = [&](int32_t o, int32_t s) {
    const Tensor<int32_t> shape({2}, {o, s});
    Tensor<float> out({3});
    const Status status = instance.run(std::vector<NamedInput>{{"x", in.in()}, {"s", shape.in()}},
                                       std::vector<NamedOutput>{{"y", out.out()}});
    return status.ok() ? to_string(Dims(out.elements.begin(), out.elements.end())) : status.error().message;
  };
  EXPECT_EQ(run(1, 3), "[1,4,7]");
  EXPECT_EQ(run(7, -3), "[7,4,1]");
  EXPECT_EQ(run(5, 0), "[5,5,5]");
  EXPECT_EQ(run(2, 3), "value \"v\": the view [3] leaves its base \"x\" [8]");
  EXPECT_EQ(run(5, -3), "value \"v\": the view [3] leaves its base \"x\" [8]");
  EXPECT_EQ(run(-1, 1), "value \"v\": the view [3] leaves its base \"x\" [8]");
  EXPECT_EQ(run(8, 0), "value \"v\": the view [3] leaves its base \"x\" [8]");
}

TEST(Run, RefusesWrittenViewsThatOverlapThemselvesOrLeaveGaps) {
  const auto run = [](ProgramBuilder::Shape shape, int64_t offset, ProgramBuilder::Shape strides) {
    ProgramBuilder b;
    const int32_t x = b.input("x", DType::kF32, shape), base = b.arena("base", DType::kF32, {6});
    const int32_t part = b.view("part", base, shape, offset, strides), y = b.output("y", DType::kF32, {6});
    b.step(schema::CopyT(), {x}, {part});
    b.step(schema::CopyT(), {base}, {y});
    const auto file = b.file();
    const Program program = open_program(file);
    Instance instance = make_instance(program);
    const auto info = program.inputs()[0];
    Dims dims;
    for (const Dimension& dim : info.dims) dims.push_back(dim.size);
    const Status status = instance.prepare(std::vector<NamedInput>{{"x", {DType::kF32, dims, nullptr}}});
    EXPECT_TRUE(status.ok() || status.error().code == ErrorCode::kInvalidFile);
    return message_of(status);
  };
  EXPECT_EQ(run({6}, 0, {1}), "ok");
  EXPECT_EQ(run({6}, 5, {-1}), "ok");
  EXPECT_EQ(run({2, 3}, 0, {1, 2}), "ok");
  EXPECT_EQ(run({6}, 0, {0}), "value \"part\": a step writes elements that overlap");
  EXPECT_EQ(run({2, 3}, 0, {2, 1}), "value \"part\": a step writes elements that overlap");
  EXPECT_EQ(run({3}, 0, {2}), "value \"base\": steps write 3 of its 6 elements");
}

TEST(Run, ReadsCompressedConstants) {
  ProgramBuilder b;
  std::vector<float> elements(100'000, 0.5f);
  for (std::size_t i = 0; i < elements.size(); i += 3) elements[i] = static_cast<float>(i);
  const int32_t c = b.constant<float>("c", {100'000}, elements), y = b.output("y", DType::kF32, {100'000});
  b.step(schema::CopyT(), {c}, {y});
  const auto plain = b.file();
  b.compress();
  const auto file = b.file();
  EXPECT_LT(file.size(), plain.size());
  for (const auto& bytes : {plain, file}) {
    const Program program = open_program(bytes, {.verify = Verify::kFull});
    Instance instance = make_instance(program);
    Tensor<float> out({100'000});
    ASSERT_EQ(message_of(instance.run({}, std::vector<NamedOutput>{{"y", out.out()}})), "ok");
    EXPECT_EQ(out.elements, elements);
  }
}

TEST(Run, ProgramAndInstancesShareOneFile) {
  auto file = transpose_program();
  std::optional<Instance> first, second;
  {
    const Program program = open_program(file, {.load = Load::kCopy});
    std::fill(file.begin(), file.end(), std::byte{0xff});  // a copied program does not look again
    const Program copy = program;
    first.emplace(make_instance(copy));
    second.emplace(make_instance(program));
  }
  const auto x = Tensor<float>::iota({1, 2, 7});
  Tensor<float> y({1, 7, 2}), z({1, 7, 2});
  EXPECT_EQ(message_of(first->run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}})),
            "ok");
  Instance moved = *std::move(second);
  EXPECT_EQ(message_of(moved.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", z.out()}})),
            "ok");
  EXPECT_EQ(y.elements, z.elements);
  EXPECT_EQ(message_of(second->run({}, {})), "the instance was moved from");
}

TEST(Run, RefusesImpossibleThreadCounts) {
  const auto file = transpose_program();
  const Program program = open_program(file);
  EXPECT_FALSE(Instance::create(program, {.threads = -1}).ok());
  EXPECT_FALSE(Instance::create(program, {.threads = 1'000'000}).ok());
  const auto automatic = Instance::create(program, {.threads = 0});
  ASSERT_TRUE(automatic.ok());
  EXPECT_GE(automatic->threads(), 1);
}

TEST(Run, ReportsAMissingFile) {
  const auto program = Program::open("no/such/file.tgl");
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().message, "no/such/file.tgl: cannot be opened: No such file or directory");
}

TEST(Run, RefusesAnUnknownIsa) {
  const auto file = transpose_program();
  EXPECT_FALSE(Program::open(file, {.max_isa = "sse9"}).ok());
  EXPECT_TRUE(Program::open(file, {.max_isa = "reference"}).ok());
}

}  // namespace
}  // namespace tegula
