// A program file is hostile until validated: every damage is one line of error, or a program that runs without harm.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>

#include "schema/function.h"
#include "tests/runtime/sample_programs.h"
#include "tests/support/mutate.h"
#include "tests/support/open_and_run.h"
#include "tests/support/program_builder.h"
#include "tests/support/rounds.h"

namespace tegula {
namespace {

using test::network_program;
using test::open_and_run;
using test::ProgramBuilder;
using test::rich_program;

TEST(HostileFile, TheUndamagedProgramRuns) {
  for (ProgramBuilder (*make)() : {rich_program, network_program}) {
    ProgramBuilder b = make();
    EXPECT_EQ(open_and_run(b.file(), {.verify = Verify::kFull}), "ok");
    b.compress();
    EXPECT_EQ(open_and_run(b.file(), {.verify = Verify::kFull}), "ok");
  }
}

struct FileCase {
  const char* name;
  std::function<void(std::vector<std::byte>&)> damage;
  const char* message;
};

FileHeader header_of(const std::vector<std::byte>& file) {
  FileHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  return header;
}

// Changes the header and corrects its checksum.
auto with_header(std::function<void(FileHeader&)> change) {
  return [change = std::move(change)](std::vector<std::byte>& file) {
    FileHeader header = header_of(file);
    change(header);
    std::memcpy(file.data(), &header, sizeof header);
    test::correct_checksums(file);
  };
}

TEST(HostileFile, SaysWhatIsWrongWithTheFile) {
  const std::vector<std::byte> good = rich_program().file();
  const FileCase cases[] = {
      {"empty", [](auto& f) { f.clear(); }, "the file is empty; compile the model again"},
      {"other", [](auto& f) { f[0] = std::byte{'P'}; },
       "not a program file: the first bytes are wrong; compile the model with aotc"},
      {"one byte of something else", [](auto& f) { f = {std::byte{0x7f}}; },
       "not a program file: the first bytes are wrong; compile the model with aotc"},
      {"line ends", [](auto& f) { f.erase(f.begin() + 4); },
       "the first bytes were changed in transfer; copy the file again, in binary mode"},
      {"short header", [](auto& f) { f.resize(63); },
       "truncated: 63 bytes are less than a header; copy the file again"},
      {"header bit", [](auto& f) { f[20] ^= std::byte{1}; },
       "the header is damaged: its checksum does not match; copy the file again"},
      {"newer", with_header([](FileHeader& h) { h.min_reader_version = 7; }),
       "needs a runtime that reads format 7, this one reads up to 1; update the runtime or compile the model with its "
       "aotc"},
      {"truncated", [](auto& f) { f.resize(f.size() - 1); }, "copy the file again"},
      {"longer", [](auto& f) { f.resize(f.size() + 3); }, "3 bytes follow the end of the program; copy the file again"},
      {"tables bit", [](auto& f) { f[100] ^= std::byte{4}; },
       "the tables are damaged: their checksum does not match; copy the file again"},
      {"tables elsewhere", with_header([](FileHeader& h) { h.tables_offset = 128; }),
       "do not fit the file; compile the model again"},
      {"tables too long", with_header([](FileHeader& h) { h.tables_bytes = UINT64_MAX; }),
       "do not fit the file; compile the model again"},
      {"no tables", with_header([](FileHeader& h) { h.tables_bytes = 0; }),
       "do not fit the file; compile the model again"},
      {"tables of zeros",
       [](auto& f) {
         std::fill(f.begin() + 64, f.begin() + 4096, std::byte{0});
         test::correct_checksums(f);
       },
       "the tables are no valid FlatBuffers of a program; compile the model again"},
  };
  for (const FileCase& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<std::byte> file = good;
    c.damage(file);
    const std::string message = open_and_run(file);
    EXPECT_NE(message.find(c.message), std::string::npos) << message;
    EXPECT_EQ(message.rfind("program in memory: ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(HostileFile, DamagedSegmentsAreFoundWhenAskedFor) {
  ProgramBuilder b = rich_program();
  std::vector<std::byte> file = b.file();
  file.back() ^= std::byte{1};
  EXPECT_EQ(open_and_run(file), "ok");
  EXPECT_EQ(open_and_run(file, {.verify = Verify::kFull}),
            "program in memory: segments[0]: its checksum does not match; copy the file again");
  b.compress();
  file = b.file();
  for (std::size_t i = file.size() - 20; i < file.size(); ++i) file[i] = std::byte{0xff};
  EXPECT_EQ(open_and_run(file).rfind("program in memory: segments[0]: ", 0), 0u);
}

struct TablesCase {
  const char* name;
  std::function<void(schema::ProgramT&)> damage;
  const char* message;
};

schema::ValueT& value(schema::ProgramT& p, const char* name) {
  for (const auto& v : p.values)
    if (v->name == name) return *v;
  throw std::runtime_error(name);
}

TEST(HostileFile, SaysWhatIsWrongWithTheTables) {
  using P = schema::ProgramT;
  const TablesCase cases[] = {
      {"numerics", [](P& p) { p.numerics_version = 9; },
       "is of numerics version 9, this runtime computes version 1; compile"},
      {"symbol range", [](P& p) { p.symbols[0]->min = 9; }, "symbols[0] \"batch\": the range from 9 to 8 is empty"},
      {"symbol unbound",
       [](P& p) {
         p.symbols.push_back(std::make_unique<schema::SymbolT>());
         p.symbols.back()->name = "loose";
       },
       "symbols[2] \"loose\": no input gives its value"},
      {"expression op", [](P& p) { p.expressions[2]->op = 200; }, "expressions[2]: no operation has the number 200"},
      {"expression cycle", [](P& p) { p.expressions[4]->a = 4; }, "expressions[4]: operand 4 does not come earlier"},
      {"expression symbol", [](P& p) { p.expressions[0]->value = 2; }, "expressions[0]: symbol 2 of 2"},
      {"expression symbol -1", [](P& p) { p.expressions[0]->value = -1; }, "expressions[0]: symbol -1 of 2"},
      {"constraint kind", [](P& p) { p.constraints[0]->kind = static_cast<schema::ConstraintKind>(4); },
       "constraints[0]: no kind has the number 4"},
      {"constraint operand", [](P& p) { p.constraints[0]->b = 999; }, "constraints[0]: expressions"},
      {"segment offset", [](P& p) { value(p, "table").offset = 32; },
       "values[3] \"table\": 80 bytes at 32 do not fit segment 0"},
      {"segment end", [](P& p) { value(p, "table").offset = 1024; },
       "values[3] \"table\": 80 bytes at 1024 do not fit segment 0"},
      {"segment overflow", [](P& p) { value(p, "table").offset = UINT64_MAX - 63; }, "do not fit segment 0"},
      {"segment index", [](P& p) { value(p, "table").segment = 1; }, "values[3] \"table\": segment 1 of 1"},
      {"bytes", [](P& p) { value(p, "table").bytes = 84; }, "84 bytes do not hold f32[5,4] in packing 0"},
      {"packing", [](P& p) { value(p, "table").packing = 9; }, "values[3] \"table\": no packing has the number 9"},
      {"packing size", [](P& p) { value(p, "table").packing = 1; }, "80 bytes do not hold f32[5,4] in packing 1"},
      {"packed arena", [](P& p) { value(p, "all").packing = 1; }, "values[10] \"all\": packed, but no constant"},
      {"dtype", [](P& p) { value(p, "x").dtype = 14; }, "values[0] \"x\": no type has the number 14"},
      {"dtype 0", [](P& p) { value(p, "x").dtype = 0; }, "values[0] \"x\": no type has the number 0"},
      {"storage", [](P& p) { value(p, "x").storage = 5; }, "values[0] \"x\": no storage has the number 5"},
      {"rank", [](P& p) { value(p, "x").dims.assign(9, 0); }, "values[0] \"x\": rank 9 exceeds 8"},
      {"dims", [](P& p) { value(p, "x").dims[0] = 100; }, "values[0] \"x\": expression 100 of "},
      {"symbolic constant", [](P& p) { value(p, "table").dims[0] = 0; },
       "values[3] \"table\": a constant has a dimension that is not"},
      {"strides of a base", [](P& p) { value(p, "all").strides = {0, 0}; },
       "values[10] \"all\": has strides, but is no view"},
      {"strides of a view", [](P& p) { value(p, "top").strides = {0}; }, "values[6] \"top\": 1 strides for rank 2"},
      {"stride expression", [](P& p) { value(p, "top").strides = {0, 77}; }, "values[6] \"top\": expression 77 of "},
      {"view of itself", [](P& p) { value(p, "top").base = 6; },
       "values[6] \"top\": views value 6, which is a view itself"},
      {"view of a view", [](P& p) { value(p, "top").base = 7; },
       "values[6] \"top\": views value 7, which is a view itself"},
      {"view of nothing", [](P& p) { value(p, "top").base = -1; }, "values[6] \"top\": views value -1 of "},
      {"view of what is not", [](P& p) { value(p, "top").base = 99; }, "values[6] \"top\": views value 99 of "},
      {"view of another type", [](P& p) { value(p, "top").base = 2; },
       "values[6] \"top\": f32 views value 2, which is s32"},
      {"view offset", [](P& p) { value(p, "top").view_offset = 1000; }, "values[6] \"top\": expression 1000 of "},
      {"written dims", [](P& p) { value(p, "all").written_dims = {1}; },
       "dimensions that a step writes are not supported"},
      {"scales", [](P& p) { value(p, "gathered").quantization->scales = {1, 2}; }, "2 scales and 1 zero points"},
      {"no scale", [](P& p) { value(p, "gathered").quantization->scales.clear(); }, "0 scales and 1 zero points"},
      {"scale", [](P& p) { value(p, "gathered").quantization->scales = {-1}; }, "a scale is -1"},
      {"scale axis", [](P& p) { value(p, "gathered").quantization->axis = 2; }, "quantized along axis 2 of rank 2"},
      {"input value", [](P& p) { p.inputs[0]->value = 77; }, "inputs[0] \"x\": value 77 of "},
      {"input storage", [](P& p) { p.inputs[0]->value = 3; }, "inputs[0] \"x\": value 3 is not stored as an input"},
      {"input twice", [](P& p) { p.inputs[2]->value = 0; }, "inputs[2] \"rows\": value 0 already is an input"},
      {"two names", [](P& p) { p.inputs[2]->name = "x"; }, "two inputs are named \"x\""},
      {"missing port", [](P& p) { p.outputs.pop_back(); }, "\"z\": is stored in an input or output that there is not"},
      {"elements", [](P& p) { p.inputs[1]->element_symbols = {1, 1}; },
       "inputs[1] \"m\": 2 symbols for the elements of [1]"},
      {"element symbol", [](P& p) { p.inputs[1]->element_symbols = {5}; }, "inputs[1] \"m\": symbol 5 of 2"},
      {"elements of a symbolic input", [](P& p) { p.inputs[0]->element_symbols = {1}; },
       "inputs[0] \"x\": feeds shapes, but its own dimensions are not constant"},
      {"output that feeds", [](P& p) { p.outputs[0]->element_symbols = {0}; },
       "outputs[0] \"y\": an output feeds no shapes"},
      {"step without operator", [](P& p) { p.steps[0]->attributes.Reset(); }, "steps[0] \"step_0\": has no attributes"},
      {"step reads nothing", [](P& p) { p.steps[0]->inputs = {99}; }, "steps[0] \"step_0\": reads value 99 of "},
      {"step reads -2", [](P& p) { p.steps[0]->inputs = {-2}; }, "steps[0] \"step_0\": reads value -2 of "},
      {"step reads the future", [](P& p) { p.steps[0]->inputs = {10}; },
       "steps[0] \"step_0\": reads value 10 \"all\", which no earlier step wrote"},
      {"step reads itself", [](P& p) { p.steps[2]->inputs = p.steps[2]->outputs; },
       "steps[2] \"step_2\": reads value 8 \"turned\""},
      {"step writes an input", [](P& p) { p.steps[0]->outputs = {0}; },
       "steps[0] \"step_0\": writes value 0, which is an input or a constant"},
      {"step writes a constant", [](P& p) { p.steps[0]->outputs = {3}; },
       "steps[0] \"step_0\": writes value 3, which is an input or a constant"},
      {"step writes twice", [](P& p) { p.steps[1]->outputs = p.steps[0]->outputs; },
       "steps[1] \"step_1\": writes value 6, which an earlier step wrote"},
      {"step writes a base over its part", [](P& p) { p.steps[1]->outputs = {5}; },
       "steps[1] \"step_1\": writes value 5, which an earlier step wrote"},
      {"step writes nothing", [](P& p) { p.steps[0]->outputs = {-1}; }, "steps[0] \"step_0\": writes nothing"},
      {"step writes nowhere", [](P& p) { p.steps[0]->outputs = {99}; }, "steps[0] \"step_0\": writes value 99 of "},
      {"output unwritten", [](P& p) { p.steps.pop_back(); }, "output \"z\": no step writes it"},
      {"slice expression", [](P& p) { p.steps[5]->attributes.AsSlice()->starts[0] = 1000; },
       "steps[5] \"step_5\": expression 1000 of "},
      {"pad expression", [](P& p) { p.steps[6]->attributes.AsPad()->begins[0] = 1000; },
       "steps[6] \"step_6\": expression 1000 of "},
      {"post-op function",
       [](P& p) {
         p.steps[0]->post_ops.push_back(std::make_unique<schema::PostOpT>());
         p.steps[0]->post_ops[0]->function = 9999;
       },
       "steps[0] \"step_0\": post_ops[0]: no function has the number 9999"},
      {"post-op operand",
       [](P& p) {
         p.steps[0]->post_ops.push_back(std::make_unique<schema::PostOpT>());
         p.steps[0]->post_ops[0]->function = static_cast<uint16_t>(Function::k_add);
       },
       "steps[0] \"step_0\": post_ops[0]: add with operand -1"},
      {"post-op reads the future",
       [](P& p) {
         p.steps[0]->post_ops.push_back(std::make_unique<schema::PostOpT>());
         p.steps[0]->post_ops[0]->function = static_cast<uint16_t>(Function::k_add);
         p.steps[0]->post_ops[0]->operand = 10;
       },
       "steps[0] \"step_0\": reads value 10 \"all\", which no earlier step wrote"},
      {"test vector type", [](P& p) { p.test_vectors[0]->inputs[0]->dtype = 99; },
       "test_vectors[0] \"x\": no type has the number 99"},
      {"test vector size", [](P& p) { p.test_vectors[0]->inputs[0]->bytes = 81; },
       "test_vectors[0] \"x\": 81 bytes do not hold [5,4]"},
      {"test vector overflow", [](P& p) { p.test_vectors[0]->inputs[0]->dims = {INT64_MAX, 4}; }, "bytes do not hold"},
      {"test vector segment", [](P& p) { p.test_vectors[0]->inputs[0]->segment = 8; },
       "test_vectors[0] \"x\": segment 8 of 1"},
      {"test vector place", [](P& p) { p.test_vectors[0]->inputs[0]->offset = 4096; },
       "test_vectors[0] \"x\": 80 bytes at 4096"},
      {"transpose", [](P& p) { p.steps[2]->attributes.AsTranspose()->perm = {0, 0}; },
       "step step_2: transpose: perm [0,0]"},
      {"transpose rank", [](P& p) { p.steps[2]->attributes.AsTranspose()->perm = {0}; },
       "step step_2: the permutation does not have 2 entries"},
      {"gather axis", [](P& p) { p.steps[3]->attributes.AsGather()->axis = 2; }, "step step_3: axis 2 of rank 2"},
      {"gather operands", [](P& p) { p.steps[3]->inputs = {3}; }, "step step_3: gather takes"},
      {"gather absent", [](P& p) { p.steps[3]->inputs = {3, -1}; }, "step step_3: gather takes"},
      {"gather index type", [](P& p) { p.steps[3]->inputs = {3, 3}; }, "step step_3: gather along 0: "},
      {"concat axis", [](P& p) { p.steps[4]->attributes.AsConcat()->axis = UINT32_MAX; },
       "step step_4: axis 4294967295 of rank 2"},
      {"concat part", [](P& p) { p.steps[4]->inputs.pop_back(); },
       "step step_4: concat along 0: the parts do not add up"},
      {"slice step", [](P& p) { p.steps[5]->attributes.AsSlice()->steps[1] = 0; }, "step step_5: slice: "},
      {"slice start", [](P& p) { p.steps[5]->attributes.AsSlice()->steps[0] = INT64_MIN; }, "step step_5: slice: "},
      {"pad mode", [](P& p) { p.steps[6]->attributes.AsPad()->mode = static_cast<schema::PadMode>(7); },
       "step step_6: no mode has the number 7"},
      {"pad begins", [](P& p) { p.steps[6]->attributes.AsPad()->begins.pop_back(); },
       "step step_6: begins do not have 2 entries"},
      {"pad fill", [](P& p) { p.steps[6]->inputs[1] = 3; }, "step step_6: the fill value is not one element"},
      {"copy shape", [](P& p) { p.steps[7]->inputs = {0}; },
       "step step_7: copy: f32[2,4] does not broadcast to f32[4,4]"},
      {"huge dimension",
       [](P& p) { p.expressions[static_cast<std::size_t>(value(p, "turned").dims[0])]->value = INT64_MAX; },
       "9223372036854775807"},
      {"control characters",
       [](P& p) {
         p.steps[0]->name = "a\nb\x01";
         p.steps[0]->outputs = {-1};
       },
       "steps[0] \"a\\x0ab\\x01\": writes nothing"},
      {"newer operator",
       [](P& p) {
         p.steps[0]->attributes.Reset();  // frees by type
         p.steps[0]->attributes.type = static_cast<schema::StepAttributes>(250);
       },
       "steps[0] \"step_0\": "},
  };
  for (const TablesCase& c : cases) {
    SCOPED_TRACE(c.name);
    ProgramBuilder b = rich_program();
    c.damage(b.tables());
    const std::string message = open_and_run(b.file());
    EXPECT_NE(message.find(c.message), std::string::npos) << message;
    EXPECT_NE(message, "ok");
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

// Edits the segments of the finished file, whose table the builder writes itself.
TEST(HostileFile, ChecksSegments) {
  const auto run = [](const std::function<void(std::vector<std::unique_ptr<schema::SegmentT>>&)>& change) {
    const std::vector<std::byte> file = rich_program().file();
    FileHeader header = header_of(file);
    schema::ProgramT tables;
    schema::GetProgram(file.data() + header.tables_offset)->UnPackTo(&tables);
    const uint64_t offset = tables.segments[0]->offset;
    change(tables.segments);
    flatbuffers::FlatBufferBuilder builder;
    schema::FinishProgramBuffer(builder, schema::Program::Pack(builder, &tables));
    const std::span<const std::byte> packed(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()),
                                            builder.GetSize());
    EXPECT_LE(kTablesOffset + packed.size(), offset);
    return open_and_run(test::assemble_file(packed, std::span(file).subspan(offset)));
  };
  using Segments = std::vector<std::unique_ptr<schema::SegmentT>>;
  const auto add = [](Segments& s, uint64_t offset, uint64_t bytes) {
    s.push_back(std::make_unique<schema::SegmentT>());
    s.back()->offset = offset;
    s.back()->bytes = s.back()->stored_bytes = bytes;
  };
  const auto starts = [](const std::string& text, const std::string& with) {
    EXPECT_EQ(text.rfind("program in memory: " + with, 0), 0u) << text;
  };
  EXPECT_EQ(run([](Segments&) {}), "ok");
  starts(run([](Segments& s) { s[0]->offset += 64; }), "segments[0]: offset");
  starts(run([](Segments& s) { s[0]->offset = 0; }), "segments[0]: 132 bytes at 0 are not within the file");
  starts(run([](Segments& s) { s[0]->offset = UINT64_MAX - 4095; }), "segments[0]: 132 bytes at");
  starts(run([](Segments& s) { s[0]->stored_bytes = s[0]->bytes = UINT64_MAX; }), "segments[0]: ");
  starts(run([](Segments& s) { s[0]->bytes = 131; }), "segments[0]: 132 stored bytes cannot be 131 bytes");
  starts(run([](Segments& s) { s[0]->compressed = true; }), "segments[0]: no zstd frame");
  starts(run([](Segments& s) {
           s[0]->compressed = true;
           s[0]->bytes = uint64_t{1} << 40;
         }),
         "segments[0]: 132 stored bytes cannot be 1099511627776 bytes");
  starts(run([&](Segments& s) { add(s, s[0]->offset, 8); }), "segments[");
  EXPECT_EQ(run([&](Segments& s) { add(s, s[0]->offset, 0); }), "ok") << "an empty segment overlaps nothing";
}

TEST(HostileFile, TruncatedAnywhereIsAnError) {
  const std::vector<std::byte> file = rich_program().file();
  for (std::size_t size = 0; size < file.size(); size += size < 128 || size + 128 > file.size() ? 1 : 37)
    ASSERT_NE(open_and_run(std::span(file).first(size)), "ok") << size;
}

TEST(HostileFile, NoFlippedBitOfHeaderOrTablesPasses) {
  const std::vector<std::byte> good = rich_program().file();
  const std::size_t end = 64 + header_of(good).tables_bytes;
  for (std::size_t bit = 0; bit < end * 8; bit += bit < 512 ? 1 : 7) {
    std::vector<std::byte> file = good;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    const Result<Program> program = Program::open(file);
    ASSERT_FALSE(program.ok()) << "bit " << bit;
    ASSERT_EQ(program.error().code, ErrorCode::kInvalidFile);
  }
}

// Mutations with corrected checksums: what the validator lets through must run without harm. Under AddressSanitizer
// and UndefinedBehaviorSanitizer this is the test of the whole loader.
TEST(HostileFile, MutatedTablesAreRefusedOrRunWithoutHarm) {
  ProgramBuilder b = rich_program();
  std::vector<std::vector<std::byte>> seeds = {b.file(), network_program().file()};
  b.compress();
  seeds.push_back(b.file());
  const auto rounds = static_cast<uint32_t>(test::rounds(3000));
  std::mt19937 random(20260801);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::size_t accepted = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    std::vector<std::byte> file = seeds[below(seeds.size())];
    const std::size_t tables = header_of(file).tables_bytes;
    for (std::size_t mutation = 0; mutation <= below(4); ++mutation) {
      const std::size_t at = 64 + below(tables);
      switch (below(5)) {
        case 0: file[at] ^= std::byte{1} << below(8); break;
        case 1: file[at] = static_cast<std::byte>(random()); break;
        case 2: {  // an interesting number over an aligned word
          constexpr uint32_t kNumbers[] = {0,          1,          2,          3,          0x7f,   0xff,
                                           0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x10000};
          std::memcpy(file.data() + at / 4 * 4, &kNumbers[below(std::size(kNumbers))], 4);
          break;
        }
        case 3: {  // a word of somewhere else
          std::memcpy(file.data() + at / 4 * 4, file.data() + 64 + below(tables / 4) * 4, 4);
          break;
        }
        default: {  // a small change to a word, as offsets and indices like it
          uint32_t word;
          std::memcpy(&word, file.data() + at / 4 * 4, 4);
          word += static_cast<uint32_t>(below(9)) - 4;
          std::memcpy(file.data() + at / 4 * 4, &word, 4);
        }
      }
    }
    test::correct_checksums(file);
    const std::string message = open_and_run(file);
    ASSERT_TRUE(test::is_printable_message(message)) << message;
    ASSERT_EQ(message.find('\n'), std::string::npos);
    accepted += message == "ok";
  }
  // Both sides of the validator are exercised.
  EXPECT_GT(accepted, rounds / 50);
  EXPECT_LT(accepted, rounds / 10 * 9);
}

}  // namespace
}  // namespace tegula
