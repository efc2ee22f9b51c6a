#pragma once
#include <functional>

#include "compiler/driver/console.h"

namespace CLI {
class App;
}

namespace tegula::driver {

/// What runs after the command line has been parsed; the subcommand that was chosen sets it.
using Action = std::function<ExitCode()>;

// Each adds its subcommand to `app`, one file a subcommand.
void add_compile_command(CLI::App& app, Action& action);
void add_calibrate_command(CLI::App& app, Action& action);
void add_diagnose_command(CLI::App& app, Action& action);
void add_run_command(CLI::App& app, Action& action);
void add_verify_command(CLI::App& app, Action& action);
void add_explain_command(CLI::App& app, Action& action);
void add_inspect_command(CLI::App& app, Action& action);
void add_pack_commands(CLI::App& app, Action& action);  ///< pack and unpack
void add_list_command(CLI::App& app, Action& action);

}  // namespace tegula::driver
