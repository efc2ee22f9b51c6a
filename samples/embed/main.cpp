// Opens a program file, runs it once and prints the most probable class.   embed MODEL.tgl PICTURE.raw
// The picture is the input's bytes; for the sample model 3 x 32 x 32 of them, as samples/models/star.raw has.
#include <tegula/instance.h>
#include <tegula/program.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

int fail(const tegula::Error& error) {
  std::fprintf(stderr, "embed: %s\n", error.message.c_str());
  return 2;
}

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: embed MODEL.tgl PICTURE.raw\n"), 2;
  auto program = tegula::Program::open(argv[1]);
  if (!program.ok()) return fail(program.error());
  auto instance = tegula::Instance::create(*program, {.threads = 1});
  if (!instance.ok()) return fail(instance.error());

  std::ifstream file(argv[2], std::ios::binary);
  std::vector<char> picture{std::istreambuf_iterator<char>(file), {}};
  const auto& in = program->inputs()[0];
  const auto& out = program->outputs()[0];
  const tegula::NamedInput input{in.name, {in.dtype, {1, 3, 32, 32}, picture.data()}};
  if (picture.size() != 3 * 32 * 32) return std::fprintf(stderr, "embed: %s: not 3072 bytes\n", argv[2]), 2;

  if (auto bound = instance->prepare({&input, 1}); !bound.ok()) return fail(bound.error());  // sizes, memory, kernels
  auto shapes = instance->output_shapes({&input, 1});
  if (!shapes.ok()) return fail(shapes.error());
  std::vector<float> probabilities(tegula::element_count((*shapes)[0]));
  const tegula::NamedOutput output{out.name, {out.dtype, (*shapes)[0], probabilities.data()}};
  if (auto ran = instance->run({&input, 1}, {&output, 1}); !ran.ok()) return fail(ran.error());

  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  std::printf("class %td, probability %.3f\n", best - probabilities.begin(), *best);
}
