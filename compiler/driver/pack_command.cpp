// aotc pack and unpack: compress a program's segments for shipping, and back for sharing pages among processes.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "compiler/driver/commands.h"
#include "compiler/driver/progress.h"
#include "compiler/writer/program_file.h"
#include "tegula/program.h"

namespace tegula::driver {
namespace {

struct Options {
  std::string program, output;
};

Status convert(const Options& options, bool compress) {
  {  // all that a program's tables must hold, before they are written again
    OpenOptions open;
    open.verify = Verify::kFull;
    TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(options.program, open));
  }
  TEGULA_ASSIGN_OR_RETURN(compiler::ProgramFile file, compiler::read_program_file(options.program));
  {
    Progress progress(concat(compress ? "packing " : "unpacking ", options.program));
    TEGULA_RETURN_IF_ERROR(compiler::write_program_file(
        file.tables, file.sources(), compress, options.output,
        [&](std::string_view stage, int64_t done, int64_t total) { progress.show(stage, done, total); }));
  }
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile written, compiler::read_program_tables(options.output));
  std::printf("%s: %.1f MB -> %s: %.1f MB\n", options.program.c_str(), static_cast<double>(file.file_bytes) / 1e6,
              options.output.c_str(), static_cast<double>(written.file_bytes) / 1e6);
  return {};
}

void add(CLI::App& app, Action& action, const char* name, const char* what, const char* footer, bool compress) {
  auto* command = app.add_subcommand(name, what);
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program file")->required();
  command->add_option("-o,--output", options->output, "The program file to write")->required();
  command->footer(footer);
  command->callback([options, compress, &action] {
    action = [options, compress] {
      const Status status = convert(*options, compress);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace

void add_pack_commands(CLI::App& app, Action& action) {
  add(app, action, "pack", "Compress a program's weights, for shipping",
      "A packed program is decompressed into private memory when it is opened; unpack it where several processes share "
      "it.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl\n"
      "  aotc pack shapes.tgl -o shapes.packed.tgl",
      true);
  add(app, action, "unpack", "Decompress a program's weights, so that they are used where they lie in the file",
      "Unpacking what was packed gives the first file back, byte for byte.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.packed.tgl --compress\n"
      "  aotc unpack shapes.packed.tgl -o shapes.tgl",
      false);
}

}  // namespace tegula::driver
