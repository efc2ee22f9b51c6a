// aotc: compiles ONNX models into program files, and looks at, runs and verifies those. One file a subcommand.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>

#include "compiler/driver/commands.h"

namespace tegula::driver {

namespace {

constexpr std::array kCommands = {"compile", "calibrate", "diagnose", "run",    "verify",
                                  "explain", "inspect",   "pack",     "unpack", "list"};
constexpr std::array kLaterCommands = {"tune"};

std::string all_commands() {
  std::string text;
  for (const std::string_view command : kCommands) text += concat(text.empty() ? "" : ", ", command);
  return text;
}

/// CLI11 would report a wrong command as a missing one.
ExitCode check_command(std::string_view command) {
  const auto is = [&](std::string_view other) { return other == command; };
  if (std::any_of(kLaterCommands.begin(), kLaterCommands.end(), is))
    return usage_error(concat("the command '", command, "' is not part of this release; there are ", all_commands()));
  if (!command.starts_with('-') && std::none_of(kCommands.begin(), kCommands.end(), is))
    return usage_error(concat("there is no command '", command, "'; there are ", all_commands(), " (aotc --help)"));
  return ExitCode::kSuccess;
}

ExitCode run(int argc, char** argv) {
  CLI::App app("Tegula's compiler: ONNX models in, program files (.tgl) for the runtime out.", "aotc");
  app.require_subcommand(1);
  app.set_version_flag("--version", concat("aotc ", TEGULA_VERSION));
  app.footer(
      "aotc COMMAND --help explains a command and shows a worked example.\n"
      "Exit codes: 0 success, 1 a verification fell short, 2 wrong usage or input, 3 this machine lacks something.");
  Action action;
  add_compile_command(app, action);
  add_calibrate_command(app, action);
  add_diagnose_command(app, action);
  add_run_command(app, action);
  add_verify_command(app, action);
  add_explain_command(app, action);
  add_inspect_command(app, action);
  add_pack_commands(app, action);
  add_list_command(app, action);

  if (argc > 1) {
    const ExitCode code = check_command(argv[1]);
    if (code != ExitCode::kSuccess) return code;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return static_cast<ExitCode>(app.exit(e));
  } catch (const CLI::ParseError& e) {
    std::string message = e.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    const bool has_command = argc > 1 && argv[1][0] != '-';  // check_command() has seen it
    return usage_error(concat(message, "; see aotc ", has_command ? argv[1] : "", has_command ? " " : "", "--help"));
  }
  return action();
}

}  // namespace
}  // namespace tegula::driver

int main(int argc, char** argv) {
  using tegula::driver::ExitCode;
  try {
    return static_cast<int>(tegula::driver::run(argc, argv));
  } catch (const std::bad_alloc&) {
    return static_cast<int>(tegula::driver::fail({tegula::ErrorCode::kOutOfMemory, "out of memory"}));
  } catch (const std::exception& e) {
    return static_cast<int>(tegula::driver::fail({tegula::ErrorCode::kInternal, e.what()}));
  }
}
