// make_golden [--compress] <model.txt> <file.tgl>: compiles a graph in text form, and prints the row for
// golden_test.cpp.
#include <fstream>
#include <iostream>
#include <sstream>

#include "compiler/driver/compile.h"
#include "compiler/passes/pass.h"
#include "tests/golden/golden_run.h"

namespace tegula::compiler {
namespace {

Status make(const std::string& model, const std::string& path, bool compress) {
  std::stringstream text;
  text << std::ifstream(model).rdbuf();
  TEGULA_ASSIGN_OR_RETURN(Graph graph, parse(text.str()));
  TEGULA_ASSIGN_OR_RETURN(const auto passes, run_pipeline(graph, {}));
  WriteOptions options;
  options.compress = compress;
  ModelInfo info;
  info.file_name = "model.txt";
  TEGULA_RETURN_IF_ERROR(write_program(graph, info, options, path));
  TEGULA_ASSIGN_OR_RETURN(const uint64_t digest, test::run_golden(path));
  std::cout << "    {\"" << path.substr(path.find_last_of('/') + 1) << "\", 0x" << std::hex << digest << "u},\n";
  return {};
}

}  // namespace
}  // namespace tegula::compiler

int main(int count, char** arguments) {
  const bool compress = count > 1 && std::string_view(arguments[1]) == "--compress";
  if (count != (compress ? 4 : 3)) {
    std::cerr << "usage: make_golden [--compress] <model.txt> <file.tgl>\n";
    return 2;
  }
  const auto status = tegula::compiler::make(arguments[count - 2], arguments[count - 1], compress);
  if (!status.ok()) std::cerr << status.error().message << "\n";
  return status.ok() ? 0 : 2;
}
